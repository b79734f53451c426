"""Model types of which tools/make-checkpoint makes a part alone, named and shaped as publishers ship them.

It is the layers with modules that rules/parity has programs for; other layers and towers are left out.
"""

from dataclasses import dataclass

from model_shapes import *
from model_table import Model, experts_config, text_config


@dataclass
class Names:
    """Of the parts below a layer."""

    qkv: str
    out: str
    up: tuple = ("mlp.fc1",)
    down: str = "mlp.fc2"
    norms: tuple = ("norm1", "norm2")
    scales: tuple = ()


def encoder(at, layers, width, inner, names, bias=True):
    """Transformer layers with q, k and v in one tensor."""
    for layer in range(layers):
        here = f"{at}.{layer}"
        joint = f"{here}.{names.qkv}" + ("_" if names.qkv.endswith("in_proj") else ".")
        yield f"{joint}weight", [3 * width, width]
        if bias:
            yield f"{joint}bias", [3 * width]
        yield from linear(f"{here}.{names.out}", width, width, bias)
        for name in names.up:
            yield from linear(f"{here}.{name}", inner, width, bias)
        yield from linear(f"{here}.{names.down}", width, inner, bias)
        for name in names.norms:
            yield from norm(f"{here}.{name}", width, True)
        for name in names.scales:
            yield f"{here}.{name}", [width]


def vision(at, names):
    return lambda s: encoder(at, s.vision_layers, s.vision_hidden, 4 * s.vision_hidden, names)


def text(at, names, bias=True):
    return lambda s: encoder(at, s.layers, s.hidden, s.intermediate, names, bias)


def step_vision(at):
    names = Names(
        "attn.in_proj",
        "attn.out_proj",
        ("mlp.c_fc",),
        "mlp.c_proj",
        ("ln_1", "ln_2"),
        ("ls_1.gamma", "ls_2.gamma"),
    )
    return vision(f"{at}transformer.resblocks", names)


def vision_config(s, **more):
    sizes = dict(
        hidden_size=s.vision_hidden,
        intermediate_size=4 * s.vision_hidden,
        num_hidden_layers=s.vision_layers,
        num_attention_heads=s.vision_heads,
        patch_size=s.patch,
    )
    return sizes | more


def nemotron_h_tensors(s):
    """Of its hybrid of blocks the mixtures of experts, which have no gate."""
    for layer in range(s.layers):
        here = f"backbone.layers.{layer}"
        yield from norm(f"{here}.norm", s.hidden)
        yield from linear(f"{here}.mixer.gate", s.experts, s.hidden)
        yield f"{here}.mixer.gate.e_score_correction_bias", [s.experts]
        for name in [f"experts.{i}" for i in range(s.experts)] + ["shared_experts"]:
            yield from linear(f"{here}.mixer.{name}.up_proj", s.intermediate, s.hidden)
            yield from linear(f"{here}.mixer.{name}.down_proj", s.hidden, s.intermediate)


def ernie_mlp(at, s, layer):
    """One list of experts: the first half for text, the second, of a third of the width, for images."""
    half, narrow = s.experts // 2, s.intermediate // 3
    for name in ("weight", "weight_1"):
        yield f"{at}.mlp.gate.{name}", [s.hidden, half]
    yield f"{at}.mlp.moe_statics.e_score_correction_bias", [2, half]
    for expert in range(2 * half):
        width = s.intermediate if expert < half else narrow
        yield from gated_mlp(f"{at}.mlp.experts.{expert}", s.hidden, width)
    yield from gated_mlp(f"{at}.mlp.shared_experts", s.hidden, 2 * s.intermediate)


def ernie_config(s):
    half, widths = s.experts // 2, [s.intermediate, s.intermediate // 3]
    text = text_config(s, model_type="ernie4_5_vl_moe_text", mlp_layer_types=["sparse"] * s.layers)
    text |= dict(moe_k=min(6, half), moe_num_experts=half, moe_intermediate_size=widths, moe_norm_min=1e-12)
    return dict(text_config=text)


def step3p7_mlp(at, s, layer):
    yield from linear(f"{at}.moe.gate", s.experts, s.hidden)
    yield f"{at}.moe.router_bias", [s.experts]
    yield f"{at}.moe.gate_proj.weight", [s.experts, s.intermediate, s.hidden]
    yield f"{at}.moe.up_proj.weight", [s.experts, s.intermediate, s.hidden]
    yield f"{at}.moe.down_proj.weight", [s.experts, s.hidden, s.intermediate]
    yield from gated_mlp(f"{at}.share_expert", s.hidden, s.intermediate)


def step3p7_tensors(s):
    yield from decoder("model", s, with_head_norm, step3p7_mlp)
    yield from step_vision("vision_model.")(s)


def step3p7_config(s):
    text = experts_config(s, "n_routed_experts", 8, model_type="step3p5")
    tower = vision_config(s, model_type="step3p5_vision", hidden_act="quick_gelu")
    return dict(text_config=text, vision_config=tower)


def inkling_tensors(s):
    """MLPs: a dense one first, then mixtures with two shared experts; rows of gate and up in turn."""
    for layer in range(s.layers):
        here = f"model.llm.layers.{layer}.mlp"
        yield from norm(f"model.llm.layers.{layer}.mlp_norm", s.hidden)
        if layer == 0:
            yield from linear(f"{here}.w13_dn", 8 * s.intermediate, s.hidden)
            yield from linear(f"{here}.w2_md", s.hidden, 4 * s.intermediate)
            yield f"{here}.global_scale", [1]
            continue
        yield from linear(f"{here}.gate", s.experts + 2, s.hidden)
        yield f"{here}.gate.bias", [s.experts]
        yield f"{here}.gate.global_scale", [1]
        for name, count in (("experts.", s.experts), ("shared_experts.shared_", 2)):
            yield f"{here}.{name}w13_weight", [count, 2 * s.intermediate, s.hidden]
            yield f"{here}.{name}w2_weight", [count, s.hidden, s.intermediate]


def inkling_config(s):
    text = experts_config(s, "n_routed_experts", 6, n_shared_experts=2, route_scale=8.0, moe_intermediate_size=s.intermediate)
    return dict(text_config=text | dict(intermediate_size=4 * s.intermediate))


def minimax_m3_mlp(at, s, layer):
    yield from block_sparse_moe(at, s, layer)
    yield f"{at}.block_sparse_moe.e_score_correction_bias", [s.experts]
    yield from gated_mlp(f"{at}.block_sparse_moe.shared_experts", s.hidden, s.intermediate)


def hrm_text_tensors(s):
    """Two stacks of layers; gate, q, k and v in one tensor of four squares."""
    for stack in ("H", "L"):
        for layer in range(s.layers):
            here = f"model.{stack}_module.layers.{layer}"
            yield from linear(f"{here}.attn.gqkv_proj", 4 * s.hidden, s.hidden)
            yield from linear(f"{here}.attn.o_proj", s.hidden, s.hidden)
            yield from linear(f"{here}.mlp.gate_up_proj", 2 * s.intermediate, s.hidden)
            yield from linear(f"{here}.mlp.down_proj", s.hidden, s.intermediate)


def sapiens2_tensors(s):
    width = s.vision_hidden
    for layer in range(s.vision_layers):
        here = f"blocks.{layer}"
        for name in ("wq", "wk", "wv", "proj"):
            yield from linear(f"{here}.attn.{name}", width, width, True)
        yield from linear(f"{here}.ffn.w12", 8 * width, width, True)
        yield from linear(f"{here}.ffn.w3", width, 4 * width, True)
        for name in ("ln1", "ln2"):
            yield from norm(f"{here}.{name}", width)


def olmo_hybrid_tensors(s):
    """The layers with linear attention, whose values are twice as wide as its queries and keys."""
    keys, values = s.heads * s.head_dim // 2, s.heads * s.head_dim
    for layer in range(s.layers):
        here = f"model.layers.{layer}"
        for name, width in (("q", keys), ("k", keys), ("v", values)):
            yield from linear(f"{here}.linear_attn.{name}_proj", width, s.hidden)
            yield f"{here}.linear_attn.{name}_conv1d.weight", [width, 1, 4]
        for name in ("a", "b"):
            yield from linear(f"{here}.linear_attn.{name}_proj", s.heads, s.hidden)
        yield from linear(f"{here}.linear_attn.g_proj", values, s.hidden)
        yield from linear(f"{here}.linear_attn.o_proj", s.hidden, values)
        yield from norm(f"{here}.linear_attn.o_norm", s.head_dim)
        yield from dense_mlp(here, s, layer)
        yield from norm(f"{here}.attention_layer_norm", s.hidden)
        yield from norm(f"{here}.feedforward_layer_norm", s.hidden)


def kimi_linear_attention(at, s):
    width = s.heads * s.head_dim
    for name in ("q", "k", "v"):
        yield from linear(f"{at}.{name}_proj", width, s.hidden)
        yield f"{at}.{name}_conv1d.weight", [width, 1, 4]
    yield from norm(f"{at}.o_norm", s.head_dim)
    yield from linear(f"{at}.o_proj", s.hidden, width)


def kimi_linear_mlp(at, s, layer):
    yield from block_sparse_moe(at, s, layer)
    yield f"{at}.block_sparse_moe.gate.e_score_correction_bias", [s.experts]
    yield from gated_mlp(f"{at}.block_sparse_moe.shared_experts", s.hidden, s.intermediate)


def kimi_linear_config(s):
    return text_config(
        s,
        num_experts=s.experts,
        num_experts_per_token=min(8, s.experts),
        num_expert_group=1,
        topk_group=1,
        moe_renormalize=True,
        routed_scaling_factor=2.446,
        linear_conv_kernel_dim=4,
        linear_num_heads=s.heads,
        linear_head_dim=s.head_dim,
    )


def olmo_hybrid_config(s):
    return text_config(
        s,
        layer_types=["linear_attention"] * s.layers,
        linear_conv_kernel_dim=4,
        linear_num_key_heads=s.heads,
        linear_key_head_dim=s.head_dim // 2,
        linear_num_value_heads=s.heads,
        linear_value_head_dim=s.head_dim,
    )


PARTS = {
    "nemotron_h": Model(
        "NemotronHForCausalLM",
        nemotron_h_tensors,
        lambda s: experts_config(
            s, "n_routed_experts", 6, mlp_hidden_act="relu2", norm_topk_prob=True, layers_block_type=["moe"] * s.layers
        ),
    ),
    "ernie4_5_vl_moe": Model(
        "Ernie4_5_VLMoeForConditionalGeneration",
        lambda s: decoder("model", s, attention, ernie_mlp),
        ernie_config,
    ),
    "step3p7": Model("Step3p7ForConditionalGeneration", step3p7_tensors, step3p7_config),
    "inkling_mm_model": Model(
        "InklingForConditionalGeneration", inkling_tensors, inkling_config, min_layers=2
    ),
    "minimax_m3_vl": Model(
        "MiniMaxM3SparseForConditionalGeneration",
        lambda s: decoder("language_model.model", s, with_head_norm, minimax_m3_mlp),
        lambda s: dict(
            text_config=experts_config(s, "num_local_experts", 4, model_type="minimax_m3_vl_text")
        ),
    ),
    "kimi_linear": Model(
        "KimiLinearForCausalLM",
        lambda s: decoder("model", s, kimi_linear_attention, kimi_linear_mlp),
        kimi_linear_config,
    ),
    "hrm_text": Model("HrmTextForCausalLM", hrm_text_tensors, text_config),
    "olmo_hybrid": Model("OlmoHybridForCausalLM", olmo_hybrid_tensors, olmo_hybrid_config),
    "sapiens2": Model(
        "Sapiens2Backbone",
        sapiens2_tensors,
        lambda s: vision_config(s, hidden_act="silu", mlp_bias=True, key_bias=True),
        depth="vision_layers",
    ),
    "kimi_k25": Model(
        "Kimi_K25ForConditionalGeneration",
        vision(
            "vision_tower.encoder.blocks",
            Names("wqkv", "wo", ("mlp.fc0",), "mlp.fc1", ("norm0", "norm1")),
        ),
        lambda s: dict(vision_config=vision_config(s, hidden_act="gelu_pytorch_tanh")),
        depth="vision_layers",
    ),
    "step3p5_vision": Model(
        "Step3p7VisionModel",
        step_vision(""),
        lambda s: vision_config(s, hidden_act="quick_gelu"),
        depth="vision_layers",
    ),
    "tipsv2_vision_model": Model(
        "Tipsv2VisionModel",
        vision(
            "blocks",
            Names(
                "attn.qkv", "attn.proj", ("mlp.c_fc",), "mlp.c_proj", scales=("ls1.gamma", "ls2.gamma")
            ),
        ),
        lambda s: vision_config(s, hidden_act="gelu", qkv_bias=True),
        depth="vision_layers",
    ),
    "qianfan_ocr": Model(
        "QianfanOCRForConditionalGeneration",
        vision("vision_model.encoder.layers", Names("attn.qkv", "attn.proj", scales=("ls1", "ls2"))),
        lambda s: dict(vision_config=vision_config(s, hidden_act="gelu")),
        depth="vision_layers",
    ),
    "rf_detr": Model(
        "RfDetrModel",
        vision(
            "transformer.decoder.layers",
            Names(
                "self_attn.in_proj",
                "self_attn.out_proj",
                ("linear1",),
                "linear2",
                ("norm1", "norm2", "norm3"),
            ),
        ),
        lambda s: dict(
            d_model=s.vision_hidden,
            decoder_layers=s.vision_layers,
            decoder_self_attention_heads=s.vision_heads,
        ),
        depth="vision_layers",
    ),
    "jina_embeddings_v3": Model(
        "JinaEmbeddingsV3Model",
        text("encoder.layers", Names("mixer.Wqkv", "mixer.out_proj")),
        lambda s: text_config(s, hidden_act="gelu"),
    ),
    "nomic_bert": Model(
        "NomicBertModel",
        text("encoder.layers", Names("attn.Wqkv", "attn.out_proj", ("mlp.fc11", "mlp.fc12")), bias=False),
        text_config,
    ),
}
