"""Sizes, config.json and architecture of each model type that tools/make-checkpoint knows."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Callable

from model_shapes import *

SMALL = dict(
    layers=2,
    hidden=64,
    heads=4,
    kv_heads=2,
    head_dim=None,
    intermediate=96,
    experts=8,
    vocab=256,
    vision_layers=2,
    vision_hidden=64,
    vision_heads=4,
    patch=14,
)


@dataclass
class Model:
    architecture: str
    tensors: Callable
    config: Callable
    published: dict = field(default_factory=dict)
    min_layers: int = 1
    depth: str = "layers"  # the size that --bytes chooses


def resolve(sizes):
    """Sizes with the ones that follow from others filled in."""
    s = SimpleNamespace(**sizes)
    s.head_dim = s.head_dim or s.hidden // s.heads
    return s


def text_config(s, **more):
    return (
        dict(
            hidden_size=s.hidden,
            intermediate_size=s.intermediate,
            num_hidden_layers=s.layers,
            num_attention_heads=s.heads,
            num_key_value_heads=s.kv_heads,
            vocab_size=s.vocab,
            hidden_act="silu",
            rms_norm_eps=1e-6,
            rope_theta=1000000.0,
            max_position_embeddings=32768,
            initializer_range=0.02,
            attention_dropout=0.0,
            tie_word_embeddings=False,
            bos_token_id=1,
            eos_token_id=2,
            use_cache=True,
        )
        | more
    )


def experts_config(s, count="num_experts", chosen=2, **more):
    return text_config(
        s,
        **{count: s.experts, "num_experts_per_tok": min(chosen, s.experts), "router_aux_loss_coef": 0.001},
        **more
    )


def qwen_moe_config(s, **more):
    return experts_config(
        s, chosen=4, moe_intermediate_size=s.intermediate, decoder_sparse_step=1, mlp_only_layers=[], **more
    ) | dict(intermediate_size=4 * s.intermediate)


def deepseek_v3_config(s):
    return experts_config(s, "n_routed_experts", 8) | dict(
        intermediate_size=4 * s.intermediate,
        moe_intermediate_size=s.intermediate,
        first_k_dense_replace=1,
        n_shared_experts=1,
        n_group=1,
        topk_group=1,
        routed_scaling_factor=2.5,
        norm_topk_prob=True,
        scoring_func="sigmoid",
        topk_method="noaux_tc",
        q_lora_rank=s.hidden // 2,
        kv_lora_rank=s.hidden // 2,
        qk_nope_head_dim=s.head_dim,
        qk_rope_head_dim=s.head_dim // 2,
        v_head_dim=s.head_dim,
        num_nextn_predict_layers=0,
        attention_bias=False,
    )


def gpt_neox_config(s):
    config = text_config(
        s, hidden_act="gelu", layer_norm_eps=1e-5, rotary_pct=0.25, use_parallel_residual=True
    )
    for name in ("num_key_value_heads", "rms_norm_eps", "rope_theta"):
        del config[name]
    return config


def qwen_vision_config(s, **more):
    return (
        dict(
            depth=s.vision_layers,
            num_heads=s.vision_heads,
            in_channels=3,
            patch_size=s.patch,
            temporal_patch_size=2,
            spatial_merge_size=2,
        )
        | more
    )


def qwen2_vl_config(s):
    vision = qwen_vision_config(
        s,
        model_type="qwen2_vl",
        embed_dim=s.vision_hidden,
        hidden_size=s.hidden,
        mlp_ratio=4,
        hidden_act="quick_gelu",
    )
    return text_config(s, vision_config=vision, image_token_id=151655, video_token_id=151656)


def qwen2_5_vl_config(s):
    vision = qwen_vision_config(
        s,
        model_type="qwen2_5_vl",
        hidden_size=s.vision_hidden,
        out_hidden_size=s.hidden,
        intermediate_size=3 * s.vision_hidden,
        hidden_act="silu",
    )
    return text_config(s, vision_config=vision, image_token_id=151655, video_token_id=151656)


def qwen3_vl_moe_config(s):
    vision = qwen_vision_config(
        s,
        model_type="qwen3_vl_moe",
        hidden_size=s.vision_hidden,
        out_hidden_size=s.hidden,
        intermediate_size=4 * s.vision_hidden,
        num_position_embeddings=2304,
        deepstack_visual_indexes=[],
        hidden_act="gelu_pytorch_tanh",
    )
    return dict(
        text_config=qwen_moe_config(s, model_type="qwen3_vl_moe_text", head_dim=s.head_dim),
        vision_config=vision,
        image_token_id=151655,
        video_token_id=151656,
        tie_word_embeddings=False,
    )


def llava_config(s):
    vision = dict(
        model_type="clip_vision_model",
        hidden_size=s.vision_hidden,
        intermediate_size=4 * s.vision_hidden,
        num_hidden_layers=s.vision_layers,
        num_attention_heads=s.vision_heads,
        image_size=336,
        patch_size=s.patch,
        projection_dim=s.hidden,
        vocab_size=32000,
    )
    return dict(
        text_config=text_config(s, model_type="llama", head_dim=s.head_dim),
        vision_config=vision,
        image_token_index=32000,
        projector_hidden_act="gelu",
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        tie_word_embeddings=False,
    )


MODELS = {
    "llama": Model(
        "LlamaForCausalLM",
        causal_lm(attention, dense_mlp),
        lambda s: text_config(s, head_dim=s.head_dim, mlp_bias=False, attention_bias=False),
        dict(hidden=4096, heads=32, kv_heads=8, intermediate=14336, vocab=128256),
    ),
    "mixtral": Model(
        "MixtralForCausalLM",
        causal_lm(attention, block_sparse_moe),
        lambda s: experts_config(s, "num_local_experts"),
        dict(hidden=4096, heads=32, kv_heads=8, intermediate=14336, vocab=32000, experts=8),
    ),
    "phimoe": Model(
        "PhimoeForCausalLM",
        causal_lm(attention, block_sparse_moe, norm_bias=True),
        lambda s: experts_config(s, "num_local_experts", router_jitter_noise=0.01),
        dict(hidden=4096, heads=32, kv_heads=8, intermediate=6400, vocab=32064, experts=16),
    ),
    "olmoe": Model(
        "OlmoeForCausalLM",
        causal_lm(with_full_norm, experts_mlp),
        lambda s: experts_config(s, chosen=8, norm_topk_prob=False),
        dict(hidden=2048, heads=16, kv_heads=16, intermediate=1024, vocab=50304, experts=64),
    ),
    "jamba": Model(
        "JambaForCausalLM",
        jamba_tensors,
        lambda s: experts_config(
            s, attn_layer_period=1, attn_layer_offset=0, expert_layer_period=1, expert_layer_offset=0
        ),
        dict(hidden=4096, heads=32, kv_heads=8, intermediate=14336, vocab=65536, experts=16),
    ),
    "lfm2_moe": Model(
        "Lfm2MoeForCausalLM",
        lfm2_moe_tensors,
        lambda s: experts_config(
            s,
            chosen=4,
            moe_intermediate_size=s.intermediate,
            layer_types=["full_attention"] * s.layers,
            num_dense_layers=0,
            norm_topk_prob=True,
            use_expert_bias=False,
            tie_word_embeddings=True,
        ),
        dict(hidden=2048, heads=32, kv_heads=8, intermediate=1792, vocab=65536, experts=32),
    ),
    "qwen2_moe": Model(
        "Qwen2MoeForCausalLM",
        causal_lm(with_bias, qwen2_moe_mlp),
        lambda s: qwen_moe_config(
            s, shared_expert_intermediate_size=2 * s.intermediate, norm_topk_prob=False
        ),
        dict(hidden=2048, heads=16, kv_heads=16, intermediate=1408, vocab=151936, experts=60),
    ),
    "qwen3_moe": Model(
        "Qwen3MoeForCausalLM",
        causal_lm(with_head_norm, experts_mlp),
        lambda s: qwen_moe_config(s, head_dim=s.head_dim, norm_topk_prob=True, attention_bias=False),
        dict(hidden=2048, heads=32, kv_heads=4, head_dim=128, intermediate=768, vocab=151936, experts=128),
    ),
    "deepseek_v3": Model(
        "DeepseekV3ForCausalLM",
        causal_lm(latent_attention, deepseek_mlp),
        deepseek_v3_config,
        dict(
            hidden=7168, heads=128, kv_heads=128, head_dim=128, intermediate=2048, vocab=129280, experts=256
        ),
        min_layers=2,
    ),
    "gpt_neox": Model(
        "GPTNeoXForCausalLM",
        gpt_neox_tensors,
        gpt_neox_config,
        dict(hidden=6144, heads=64, kv_heads=64, intermediate=24576, vocab=50432),
    ),
    "qwen2_vl": Model(
        "Qwen2VLForConditionalGeneration",
        qwen2_vl_tensors,
        qwen2_vl_config,
        dict(
            hidden=3584,
            heads=28,
            kv_heads=4,
            intermediate=18944,
            vocab=152064,
            vision_layers=32,
            vision_hidden=1280,
            vision_heads=16,
        ),
    ),
    "qwen2_5_vl": Model(
        "Qwen2_5_VLForConditionalGeneration",
        qwen2_5_vl_tensors,
        qwen2_5_vl_config,
        dict(
            hidden=3584,
            heads=28,
            kv_heads=4,
            intermediate=18944,
            vocab=152064,
            vision_layers=32,
            vision_hidden=1280,
            vision_heads=16,
        ),
    ),
    "qwen3_vl_moe": Model(
        "Qwen3VLMoeForConditionalGeneration",
        qwen3_vl_moe_tensors,
        qwen3_vl_moe_config,
        dict(
            hidden=2048,
            heads=32,
            kv_heads=4,
            head_dim=128,
            intermediate=768,
            vocab=151936,
            experts=128,
            vision_layers=27,
            vision_hidden=1152,
            vision_heads=16,
            patch=16,
        ),
    ),
    "llava": Model(
        "LlavaForConditionalGeneration",
        llava_tensors,
        llava_config,
        dict(
            hidden=4096,
            heads=32,
            kv_heads=32,
            intermediate=11008,
            vocab=32064,
            vision_layers=24,
            vision_hidden=1024,
            vision_heads=16,
        ),
    ),
}
