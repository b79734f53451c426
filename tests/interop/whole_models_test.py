"""Whole models: small random ones of several families, converted, loaded by transformers from both folders and compared by tools/check-model.

usage: whole_models_test.py [--device cpu|cuda] [--dtype fp32|bf16|fp16] [--report DIR]     (TENON: the program)

Each must be the same bit for bit, and the changes that check-model makes must be seen. A folder of which one byte was changed must be rejected. Skipped
where torch and transformers are not installed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import torch
    import transformers
except ImportError as error:
    print(f"SKIPPED: {error}: torch and transformers are not installed")
    sys.exit(77)

ROOT = Path(__file__).resolve().parents[2]
TENON = os.environ["TENON"]
SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 128, "max_position_embeddings": 64,
         "intermediate_size": 96, "moe_intermediate_size": 48, "head_dim": 16, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 1}
# Classes of config and of model, and what is told besides.
FAMILIES = {
    "mixtral": ("MixtralConfig", "MixtralForCausalLM", {"num_local_experts": 4}),
    "deepseek_v3": ("DeepseekV3Config", "DeepseekV3ForCausalLM", {"n_routed_experts": 8, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2, "first_k_dense_replace": 1,
                                                                  "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16,
                                                                  "num_key_value_heads": 4, "head_dim": 8}),
    "qwen3_moe": ("Qwen3MoeConfig", "Qwen3MoeForCausalLM", {"num_experts": 4, "num_experts_per_tok": 2}),
    "nomic_bert": ("NomicBertConfig", "NomicBertModel", {}),
}


def check(*arguments):
    done = subprocess.run([sys.executable, ROOT / "tools/check-model", *map(str, arguments)], capture_output=True, text=True, check=False)
    print(done.stdout, end="", flush=True)
    if done.returncode == 2:
        print(done.stderr[-2000:], file=sys.stderr)
    return done.returncode


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="fp32")
    parser.add_argument("--report", default="")
    options = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        for name, (config_class, model_class, more) in FAMILIES.items():
            if not hasattr(transformers, model_class):
                print(f"{name}: transformers {transformers.__version__} has no {model_class}")
                continue
            torch.manual_seed(0)
            default = getattr(transformers, config_class)()
            config = getattr(transformers, config_class)(**{k: v for k, v in (SIZES | more).items() if hasattr(default, k)})
            getattr(transformers, model_class)(config).save_pretrained(name)
            subprocess.run([TENON, "convert", name, f"{name}.fused", "--no-sync"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            report = ["--report", Path(options.report) / name] if options.report else []
            if check(name, f"{name}.fused", "--device", options.device, "--dtype", options.dtype, *report) != 0:
                wrong.append(f"{name}: not the same")
        # A changed byte is seen.
        fused = Path("mixtral.fused/model.safetensors")
        content = bytearray(fused.read_bytes())
        content[-2] ^= 1
        fused.write_bytes(content)
        if check("mixtral", "mixtral.fused", "--device", options.device, "--dtype", options.dtype) != 1:
            wrong.append("mixtral: a changed byte is not seen")
    print("\n".join(wrong) if wrong else "all the same bit for bit")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
