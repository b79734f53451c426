#!/usr/bin/env python3
"""make_coded.py KIND DIR [SEED]: a small checkpoint in a coded format, as its publisher ships it. Without NumPy: codes are drawn at random.

KIND: deepseek (FP8 in blocks of 128 x 128, ragged edges, experts, an F32 router bias), qwen (dense FP8), gptoss (MXFP4), packed (INT4 of
compressed-tensors), nvfp4 (compressed-tensors), channel (FP8 by channel, compressed-tensors), awq, awq_channel (one group), gptq, and of
GPTQ gptq2, gptq3, gptq8 (bits), gptq_v2, gptq_bare (without g_idx), gptq_act (g_idx in another order), gptq_ones (a zero point of all ones).
"""
import json, os, random, struct, sys

SIZE = {"F8_E4M3": 1, "U8": 1, "F32": 4, "BF16": 2, "F16": 2, "I32": 4, "I64": 8}


class Maker:
    def __init__(self, seed):
        self.random, self.tensors = random.Random(seed), {}

    def count(self, shape):
        n = 1
        for extent in shape:
            n *= extent
        return n

    def put(self, key, dtype, shape, data):
        assert len(data) == self.count(shape) * SIZE[dtype], key
        self.tensors[key] = (dtype, list(shape), data)

    def fp8(self, key, *shape):
        table = [c for c in range(256) if c & 0x7F != 0x7F]
        self.put(key, "F8_E4M3", shape, bytes(self.random.choices(table, k=self.count(shape))))

    def bytes(self, key, dtype, *shape):
        self.put(key, dtype, shape, self.random.randbytes(self.count(shape) * SIZE[dtype]))

    def floats(self, key, dtype, *shape, low=0.001, high=0.1):
        values = [self.random.uniform(low, high) for _ in range(self.count(shape))]
        if dtype == "F16":
            data = b"".join(struct.pack("<e", v) for v in values)
        else:
            data = b"".join(struct.pack("<f", v)[2 if dtype == "BF16" else 0:] for v in values)
        self.put(key, dtype, shape, data)

    def integers(self, key, *values):
        self.put(key, "I64", [len(values)], struct.pack(f"<{len(values)}q", *values))

    def fp8_linear(self, module, rows, columns):
        self.fp8(module + ".weight", rows, columns)
        self.floats(module + ".weight_scale_inv", "F32", -(-rows // 128), -(-columns // 128))

    def write(self, folder, config):
        os.makedirs(folder)
        shards = [dict(), dict()]
        for i, key in enumerate(sorted(self.tensors)):
            shards[i * 2 // len(self.tensors)][key] = self.tensors[key]
        weight_map, total = {}, 0
        for n, tensors in enumerate(shards, 1):
            name, head, offset = f"model-{n:05}-of-00002.safetensors", {"__metadata__": {"format": "pt"}}, 0
            ordered = sorted(tensors.items(), key=lambda t: (-SIZE[t[1][0]], t[0]))
            for key, (dtype, shape, data) in ordered:
                head[key] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
                offset += len(data)
                weight_map[key] = name
            total += offset
            text = json.dumps(head, separators=(",", ":")).encode()
            text += b" " * (-len(text) % 8)
            with open(f"{folder}/{name}", "wb") as file:
                file.write(struct.pack("<Q", len(text)) + text + b"".join(d for _, (_, _, d) in ordered))
        with open(f"{folder}/model.safetensors.index.json", "w") as file:
            json.dump({"metadata": {"total_size": total}, "weight_map": weight_map}, file, indent=2)
        with open(f"{folder}/config.json", "w") as file:
            json.dump(config, file, indent=2)


def fp8_config(**more):
    return {"torch_dtype": "bfloat16", **more, "quantization_config": {
        "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128]}}


def deepseek(m):
    hidden, moe, experts = 200, 72, 4
    m.floats("model.embed_tokens.weight", "BF16", 64, hidden)
    m.floats("lm_head.weight", "BF16", 64, hidden)
    m.floats("model.norm.weight", "BF16", hidden)
    for layer in range(3):  # dense, experts, and the layer of multi-token prediction behind the last
        at = f"model.layers.{layer}"
        m.floats(at + ".input_layernorm.weight", "BF16", hidden)
        m.floats(at + ".post_attention_layernorm.weight", "BF16", hidden)
        m.fp8_linear(at + ".self_attn.kv_a_proj_with_mqa", 576 // 4, hidden)
        m.fp8_linear(at + ".self_attn.o_proj", hidden, 256)
        if layer == 0:
            for name, shape in (("gate", (300, hidden)), ("up", (300, hidden)), ("down", (hidden, 300))):
                m.fp8_linear(f"{at}.mlp.{name}_proj", *shape)
            continue
        m.floats(at + ".mlp.gate.weight", "BF16", experts, hidden)
        m.floats(at + ".mlp.gate.e_score_correction_bias", "F32", experts)
        for expert in range(experts):
            for name, shape in (("gate", (moe, hidden)), ("up", (moe, hidden)), ("down", (hidden, moe))):
                m.fp8_linear(f"{at}.mlp.experts.{expert}.{name}_proj", *shape)
    return fp8_config(model_type="deepseek_v3", architectures=["DeepseekV3ForCausalLM"], num_hidden_layers=2,
                      num_nextn_predict_layers=1, hidden_size=hidden, n_routed_experts=experts, moe_intermediate_size=moe)


def qwen(m):
    m.floats("model.embed_tokens.weight", "BF16", 48, 160)
    m.floats("model.norm.weight", "BF16", 160)
    for layer in range(2):
        at = f"model.layers.{layer}"
        for name, rows in (("q", 256), ("k", 128), ("v", 128)):
            m.fp8_linear(f"{at}.self_attn.{name}_proj", rows, 160)
        m.fp8_linear(at + ".mlp.down_proj", 160, 320)
        m.floats(at + ".input_layernorm.weight", "BF16", 160)
    return fp8_config(model_type="qwen3", architectures=["Qwen3ForCausalLM"], num_hidden_layers=2, hidden_size=160)


def gptoss(m):
    experts, hidden, inner = 3, 64, 96
    m.floats("model.embed_tokens.weight", "BF16", 40, hidden)
    for layer in range(2):
        at = f"model.layers.{layer}.mlp"
        for name, out, into in (("gate_up_proj", 2 * inner, hidden), ("down_proj", hidden, inner)):
            m.bytes(f"{at}.experts.{name}_blocks", "U8", experts, out, into // 32, 16)
            scales = bytes(m.random.choices(range(100, 130), k=experts * out * (into // 32)))
            m.put(f"{at}.experts.{name}_scales", "U8", [experts, out, into // 32], scales)
            m.floats(f"{at}.experts.{name}_bias", "BF16", experts, out)
        m.floats(at + ".router.weight", "BF16", experts, hidden)
    return {"model_type": "gpt_oss", "architectures": ["GptOssForCausalLM"], "num_hidden_layers": 2, "num_local_experts": experts,
            "hidden_size": hidden, "torch_dtype": "bfloat16",
            "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}}


def compressed(fmt, weights):
    return {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 1, "torch_dtype": "bfloat16",
            "quantization_config": {"quant_method": "compressed-tensors", "format": fmt, "ignore": ["lm_head"],
                                    "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}}}


def plain(m):
    m.floats("model.embed_tokens.weight", "BF16", 40, 128)
    m.floats("lm_head.weight", "BF16", 40, 128)
    m.floats("model.layers.0.input_layernorm.weight", "BF16", 128)


LINEARS = (("self_attn.q_proj", 64, 128), ("mlp.down_proj", 128, 256))


def packed(m):
    plain(m)
    for name, rows, columns in LINEARS:
        at = f"model.layers.0.{name}"
        m.bytes(at + ".weight_packed", "I32", rows, columns // 8)
        m.floats(at + ".weight_scale", "BF16", rows, columns // 32)
        m.integers(at + ".weight_shape", rows, columns)
    return compressed("pack-quantized", {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": True})


def nvfp4(m):
    plain(m)
    for name, rows, columns in LINEARS:
        at = f"model.layers.0.{name}"
        m.bytes(at + ".weight_packed", "U8", rows, columns // 2)
        scales = bytes(m.random.choices(range(0x30, 0x7E), k=rows * (columns // 16)))
        m.put(at + ".weight_scale", "F8_E4M3", [rows, columns // 16], scales)
        m.floats(at + ".weight_global_scale", "F32", 1, low=500, high=900)
    return compressed("nvfp4-pack-quantized", {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16, "symmetric": True})


def channel(m):
    plain(m)
    for name, rows, columns in LINEARS:
        at = f"model.layers.0.{name}"
        m.fp8(at + ".weight", rows, columns)
        m.floats(at + ".weight_scale", "BF16", rows, 1)
    return compressed("float-quantized", {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": True})


def awq(m, group=64):
    plain(m)
    for name, rows, columns in LINEARS:
        at, groups = f"model.layers.0.{name}", columns // group if group > 0 else 1
        m.bytes(at + ".qweight", "I32", columns, rows // 8)
        m.bytes(at + ".qzeros", "I32", groups, rows // 8)
        m.floats(at + ".scales", "F16", groups, rows)
    return {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 1, "torch_dtype": "float16",
            "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm", "zero_point": True}}


def awq_channel(m):
    return awq(m, -1)


def gptq(m, bits=4, form="gptq", index="in order"):
    plain(m)
    for name, rows, columns in LINEARS:
        at, groups = f"model.layers.0.{name}", columns // 64
        m.bytes(at + ".qweight", "I32", columns * bits // 32, rows)
        most = 2 ** bits - (1 if form == "gptq" else 0)  # v1 stores them less one, and all ones may be two numbers
        zeros = sum(m.random.randrange(most) << bits * i for i in range(groups * rows))
        m.put(at + ".qzeros", "I32", [groups, rows * bits // 32], zeros.to_bytes(groups * rows * bits // 8, "little"))
        m.floats(at + ".scales", "F16", groups, rows)
        if index:
            g_idx = [i // 64 if index == "in order" else (columns - 1 - i) // 64 for i in range(columns)]
            m.put(at + ".g_idx", "I32", [columns], struct.pack(f"<{columns}i", *g_idx))
    return {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 1, "torch_dtype": "float16",
            "quantization_config": {"quant_method": "gptq", "bits": bits, "group_size": 64, "desc_act": False, "sym": True,
                                    "checkpoint_format": form}}


def gptq2(m):
    return gptq(m, 2)


def gptq3(m):
    return gptq(m, 3)


def gptq8(m):
    return gptq(m, 8)


def gptq_v2(m):
    return gptq(m, form="gptq_v2")


def gptq_bare(m):
    return gptq(m, index=None)


def gptq_act(m):
    return gptq(m, index="by activation")


def gptq_ones(m):
    config = gptq(m)
    dtype, shape, data = m.tensors["model.layers.0.mlp.down_proj.qzeros"]
    m.put("model.layers.0.mlp.down_proj.qzeros", dtype, shape, b"\xff" + data[1:])
    return config


def main():
    kind, folder = sys.argv[1], sys.argv[2]
    maker = Maker(sys.argv[3] if len(sys.argv) > 3 else "coded")
    maker.write(folder, globals()[kind](maker))


if __name__ == "__main__":
    main()
