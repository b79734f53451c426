"""The tensors of the model types that tools/make-checkpoint knows, named and shaped as their publishers ship them.

Each function yields (key, shape) for a module at a path, in the order of the model's modules; `s` has the model's sizes (model_table.py).
"""


def linear(at, rows, columns, bias=False):
    yield f"{at}.weight", [rows, columns]
    if bias:
        yield f"{at}.bias", [rows]


def norm(at, size, bias=False):
    yield f"{at}.weight", [size]
    if bias:
        yield f"{at}.bias", [size]


def attention(at, s, bias=False, head_norm=None):
    yield from linear(f"{at}.q_proj", s.heads * s.head_dim, s.hidden, bias)
    yield from linear(f"{at}.k_proj", s.kv_heads * s.head_dim, s.hidden, bias)
    yield from linear(f"{at}.v_proj", s.kv_heads * s.head_dim, s.hidden, bias)
    yield from linear(f"{at}.o_proj", s.hidden, s.heads * s.head_dim)
    if head_norm:
        yield from norm(f"{at}.q_norm", s.head_dim if head_norm == "head" else s.heads * s.head_dim)
        yield from norm(f"{at}.k_norm", s.head_dim if head_norm == "head" else s.kv_heads * s.head_dim)


def latent_attention(at, s):
    """DeepSeek's: queries, keys and values through low-rank bottlenecks, half of each head rotated."""
    rank, rope = s.hidden // 2, s.head_dim // 2
    yield from linear(f"{at}.q_a_proj", rank, s.hidden)
    yield from norm(f"{at}.q_a_layernorm", rank)
    yield from linear(f"{at}.q_b_proj", s.heads * (s.head_dim + rope), rank)
    yield from linear(f"{at}.kv_a_proj_with_mqa", rank + rope, s.hidden)
    yield from norm(f"{at}.kv_a_layernorm", rank)
    yield from linear(f"{at}.kv_b_proj", s.heads * 2 * s.head_dim, rank)
    yield from linear(f"{at}.o_proj", s.hidden, s.heads * s.head_dim)


def gated_mlp(at, hidden, intermediate, names=("gate_proj", "up_proj", "down_proj"), bias=False):
    gate, up, down = names
    yield from linear(f"{at}.{gate}", intermediate, hidden, bias)
    yield from linear(f"{at}.{up}", intermediate, hidden, bias)
    yield from linear(f"{at}.{down}", hidden, intermediate, bias)


def expert_list(at, s, names=("gate_proj", "up_proj", "down_proj")):
    yield from linear(f"{at}.gate", s.experts, s.hidden)
    for expert in range(s.experts):
        yield from gated_mlp(f"{at}.experts.{expert}", s.hidden, s.intermediate, names)


def block_sparse_moe(at, s, layer):
    yield from expert_list(f"{at}.block_sparse_moe", s, ("w1", "w3", "w2"))


def dense_mlp(at, s, layer):
    yield from gated_mlp(f"{at}.mlp", s.hidden, s.intermediate)


def experts_mlp(at, s, layer):
    yield from expert_list(f"{at}.mlp", s)


def qwen2_moe_mlp(at, s, layer):
    yield from expert_list(f"{at}.mlp", s)
    yield from gated_mlp(f"{at}.mlp.shared_expert", s.hidden, 2 * s.intermediate)
    yield from linear(f"{at}.mlp.shared_expert_gate", 1, s.hidden)


def deepseek_mlp(at, s, layer):
    if layer == 0:  # first_k_dense_replace
        yield from gated_mlp(f"{at}.mlp", s.hidden, 4 * s.intermediate)
        return
    yield from expert_list(f"{at}.mlp", s)
    yield f"{at}.mlp.gate.e_score_correction_bias", [s.experts]
    yield from gated_mlp(f"{at}.mlp.shared_experts", s.hidden, s.intermediate)


def stacked_transposed_mlp(at, s, layer):
    """Qwen3-VL-MoE ships its experts stacked, input dimension first."""
    yield from linear(f"{at}.mlp.gate", s.experts, s.hidden)
    yield f"{at}.mlp.experts.gate_up_proj", [s.experts, s.hidden, 2 * s.intermediate]
    yield f"{at}.mlp.experts.down_proj", [s.experts, s.intermediate, s.hidden]


def decoder(at, s, attend, feed_forward, norm_bias=False):
    yield f"{at}.embed_tokens.weight", [s.vocab, s.hidden]
    for layer in range(s.layers):
        here = f"{at}.layers.{layer}"
        yield from attend(f"{here}.self_attn", s)
        yield from feed_forward(here, s, layer)
        yield from norm(f"{here}.input_layernorm", s.hidden, norm_bias)
        yield from norm(f"{here}.post_attention_layernorm", s.hidden, norm_bias)
    yield from norm(f"{at}.norm", s.hidden, norm_bias)


def causal_lm(attend, feed_forward, norm_bias=False, head="lm_head", at="model"):
    def tensors(s):
        yield from decoder(at, s, attend, feed_forward, norm_bias)
        yield f"{head}.weight", [s.vocab, s.hidden]

    return tensors


def with_bias(at, s):
    return attention(at, s, bias=True)


def with_head_norm(at, s):
    return attention(at, s, head_norm="head")


def with_full_norm(at, s):
    return attention(at, s, head_norm="full")


def qwen_vision(at, s, gated):
    """The vision tower of Qwen2-VL (plain MLP, LayerNorm) or Qwen2.5-VL (gated MLP, RMSNorm); its patch embedding is a Conv3d."""
    width = s.vision_hidden
    yield f"{at}.patch_embed.proj.weight", [width, 3, 2, s.patch, s.patch]
    for layer in range(s.vision_layers):
        here = f"{at}.blocks.{layer}"
        yield from norm(f"{here}.norm1", width, not gated)
        yield from norm(f"{here}.norm2", width, not gated)
        yield from linear(f"{here}.attn.qkv", 3 * width, width, True)
        yield from linear(f"{here}.attn.proj", width, width, True)
        if gated:
            yield from gated_mlp(f"{here}.mlp", width, 3 * width, bias=True)
        else:
            yield from linear(f"{here}.mlp.fc1", 4 * width, width, True)
            yield from linear(f"{here}.mlp.fc2", width, 4 * width, True)
    yield from norm(f"{at}.merger.ln_q", width, not gated)
    yield from linear(f"{at}.merger.mlp.0", 4 * width, 4 * width, True)
    yield from linear(f"{at}.merger.mlp.2", s.hidden, 4 * width, True)


def qwen3_vision(at, s):
    width = s.vision_hidden
    yield f"{at}.patch_embed.proj.weight", [width, 3, 2, s.patch, s.patch]
    yield f"{at}.patch_embed.proj.bias", [width]
    yield f"{at}.pos_embed.weight", [2304, width]
    for layer in range(s.vision_layers):
        here = f"{at}.blocks.{layer}"
        yield from norm(f"{here}.norm1", width, True)
        yield from norm(f"{here}.norm2", width, True)
        yield from linear(f"{here}.attn.qkv", 3 * width, width, True)
        yield from linear(f"{here}.attn.proj", width, width, True)
        yield from linear(f"{here}.mlp.linear_fc1", 4 * width, width, True)
        yield from linear(f"{here}.mlp.linear_fc2", width, 4 * width, True)
    yield from norm(f"{at}.merger.norm", width, True)
    yield from linear(f"{at}.merger.linear_fc1", 4 * width, 4 * width, True)
    yield from linear(f"{at}.merger.linear_fc2", s.hidden, 4 * width, True)


def clip_vision(at, s):
    width = s.vision_hidden
    yield f"{at}.embeddings.class_embedding", [width]
    yield f"{at}.embeddings.patch_embedding.weight", [width, 3, s.patch, s.patch]
    yield f"{at}.embeddings.position_embedding.weight", [(336 // s.patch) ** 2 + 1, width]
    yield from norm(f"{at}.pre_layrnorm", width, True)
    for layer in range(s.vision_layers):
        here = f"{at}.encoder.layers.{layer}"
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            yield from linear(f"{here}.self_attn.{name}", width, width, True)
        yield from norm(f"{here}.layer_norm1", width, True)
        yield from linear(f"{here}.mlp.fc1", 4 * width, width, True)
        yield from linear(f"{here}.mlp.fc2", width, 4 * width, True)
        yield from norm(f"{here}.layer_norm2", width, True)
    yield from norm(f"{at}.post_layernorm", width, True)


def qwen2_vl_tensors(s):
    yield from qwen_vision("visual", s, gated=False)
    yield from causal_lm(with_bias, dense_mlp)(s)


def qwen2_5_vl_tensors(s):
    yield from qwen_vision("visual", s, gated=True)
    yield from causal_lm(with_bias, dense_mlp)(s)


def qwen3_vl_moe_tensors(s):
    yield from qwen3_vision("model.visual", s)
    yield from decoder("model.language_model", s, with_head_norm, stacked_transposed_mlp)
    yield "lm_head.weight", [s.vocab, s.hidden]


def llava_tensors(s):
    yield from clip_vision("vision_tower.vision_model", s)
    yield from linear("multi_modal_projector.linear_1", s.hidden, s.vision_hidden, True)
    yield from linear("multi_modal_projector.linear_2", s.hidden, s.hidden, True)
    yield from causal_lm(attention, dense_mlp, head="language_model.lm_head", at="language_model.model")(s)


def renamed(tensors, names):
    for key, shape in tensors:
        for ours, published in names.items():
            key = key.replace(ours, published)
        yield key, shape


def jamba_tensors(s):
    """All layers with attention, none with Mamba, and experts in each."""
    names = {
        ".mlp.gate.": ".feed_forward.router.",
        ".mlp.": ".feed_forward.",
        "post_attention_layernorm": "pre_ff_layernorm",
        "model.norm": "model.final_layernorm",
    }
    return renamed(causal_lm(attention, experts_mlp)(s), names)


def lfm2_moe_tensors(s):
    """All layers with attention, none with a convolution; embeddings tied."""
    names = {
        "block_sparse_moe": "feed_forward",
        "input_layernorm": "operator_norm",
        "post_attention_layernorm": "ffn_norm",
        "o_proj": "out_proj",
        "q_norm": "q_layernorm",
        "k_norm": "k_layernorm",
        "model.norm": "model.embedding_norm",
    }
    return renamed(decoder("model", s, with_head_norm, block_sparse_moe), names)


def gpt_neox_tensors(s):
    yield "gpt_neox.embed_in.weight", [s.vocab, s.hidden]
    for layer in range(s.layers):
        here = f"gpt_neox.layers.{layer}"
        yield from norm(f"{here}.input_layernorm", s.hidden, True)
        yield from norm(f"{here}.post_attention_layernorm", s.hidden, True)
        yield from linear(f"{here}.attention.query_key_value", 3 * s.hidden, s.hidden, True)
        yield from linear(f"{here}.attention.dense", s.hidden, s.hidden, True)
        yield from linear(f"{here}.mlp.dense_h_to_4h", s.intermediate, s.hidden, True)
        yield from linear(f"{here}.mlp.dense_4h_to_h", s.hidden, s.intermediate, True)
    yield from norm("gpt_neox.final_layer_norm", s.hidden, True)
    yield "embed_out.weight", [s.vocab, s.hidden]
