# The library's module programs, each on a small checkpoint that its rules convert.
. "$(dirname "$0")/lib.sh"

# compared RULES PROGRAM CONFIG <<<'KEY EXTENTS'...: a checkpoint of these tensors is converted, and that program holds on it.
compared() {
  python3 "$root/tests/cli/write_weights.py" "$1" "$3"
  expect_status 0 tenon parity "$1" --rules "$1" --tokens 5
  expect_text out "HOLDS"
  expect_text out "($2, BF16)"
  rm -r "$1"
}
routed='"num_experts_per_tok": 2, "hidden_act": "silu"'

for model in mixtral:experts_router_w123 qwen2_moe:experts_router deepseek_v3:experts_grouped_router phimoe:experts_named_router_w123 \
  qwen3_vl_moe:experts_turned olmoe:experts_router; do
  make_checkpoint "${model%:*}" --model "${model%:*}"
  expect_status 0 tenon parity "${model%:*}" --tokens 5
  expect_text out "(${model#*:}, BF16)"
done

compared jamba experts_named_router "{$routed}" <<'EOF'
model.layers.0.feed_forward.router.weight 4,16
model.layers.0.feed_forward.experts.{0..3}.gate_proj.weight 8,16
model.layers.0.feed_forward.experts.{0..3}.up_proj.weight 8,16
model.layers.0.feed_forward.experts.{0..3}.down_proj.weight 16,8
EOF
compared lfm2_moe experts_router_w123 "{$routed}" <<'EOF'
model.layers.0.feed_forward.gate.weight 4,16
model.layers.0.feed_forward.experts.{0..3}.w1.weight 8,16
model.layers.0.feed_forward.experts.{0..3}.w3.weight 8,16
model.layers.0.feed_forward.experts.{0..3}.w2.weight 16,8
EOF
compared nemotron_h experts_ungated '{"num_experts_per_tok": 2, "mlp_hidden_act": "relu2"}' <<'EOF'
backbone.layers.0.mixer.experts.{0..3}.up_proj.weight 8,16
backbone.layers.0.mixer.experts.{0..3}.down_proj.weight 16,8
EOF
compared ernie4_5_vl_moe vision_experts '{"moe_k": 2, "hidden_act": "silu"}' <<'EOF'
model.layers.1.mlp.gate.weight 16,4
model.layers.1.mlp.gate.weight_1 16,4
model.layers.1.mlp.moe_statics.e_score_correction_bias 2,4
model.layers.1.mlp.experts.{0..3}.gate_proj.weight 8,16
model.layers.1.mlp.experts.{4..7}.gate_proj.weight 4,16
model.layers.1.mlp.experts.{0..3}.up_proj.weight 8,16
model.layers.1.mlp.experts.{4..7}.up_proj.weight 4,16
model.layers.1.mlp.experts.{0..3}.down_proj.weight 16,8
model.layers.1.mlp.experts.{4..7}.down_proj.weight 16,4
EOF
expect_text out '(text_experts, BF16)'
compared step3p7 experts_joined "{$routed, \"vision_config\": {\"num_attention_heads\": 2}}" <<'EOF'
model.layers.0.moe.gate_proj.weight 4,8,16
model.layers.0.moe.up_proj.weight 4,8,16
model.layers.0.moe.down_proj.weight 4,16,8
EOF
compared inkling_mm_model experts_interleaved "{$routed}" <<'EOF'
model.llm.layers.0.mlp.experts.w13_weight 4,16,12
model.llm.layers.0.mlp.experts.w2_weight 4,12,8
EOF
compared inkling_mm_model shared_experts_interleaved "{$routed}" <<'EOF'
model.llm.layers.0.mlp.shared_experts.shared_w13_weight 2,16,12
model.llm.layers.0.mlp.shared_experts.shared_w2_weight 2,12,8
EOF
compared inkling_mm_model split_w13 "{$routed}" <<'EOF'
model.llm.layers.0.mlp.w13_dn.weight 16,12
model.llm.layers.0.mlp.w2_md.weight 12,8
EOF
compared minimax_m3_vl joined_gate_up "{$routed}" <<'EOF'
model.layers.0.mlp.gate_proj.weight 8,12
model.layers.0.mlp.up_proj.weight 8,12
model.layers.0.mlp.down_proj.weight 12,8
EOF
compared hrm_text split_gate_up "{$routed}" <<'EOF'
model.layers.0.attn.gqkv_proj.weight 64,16
model.layers.0.mlp.gate_up_proj.weight 24,16
model.layers.0.mlp.down_proj.weight 16,12
EOF
expect_text out '(split_gated_qkv, BF16)'
compared sapiens2 split_w12 "{$routed}" <<'EOF'
blocks.0.ffn.w12.weight 24,16
blocks.0.ffn.w12.bias 24
blocks.0.ffn.w3.weight 16,12
blocks.0.ffn.w3.bias 16
EOF
compared olmo_hybrid joined_conv1d '{"linear_num_key_heads": 2, "linear_key_head_dim": 4, "linear_num_value_heads": 2, "linear_value_head_dim": 6}' <<'EOF'
model.layers.0.linear_attn.q_conv1d.weight 8,1,4
model.layers.0.linear_attn.k_conv1d.weight 8,1,4
model.layers.0.linear_attn.v_conv1d.weight 12,1,4
EOF
compared Tipsv2VisionModel split_qkv '{}' <<'EOF'
blocks.0.attn.qkv.weight 48,16
blocks.0.attn.qkv.bias 48
EOF
compared qianfan_ocr split_qkv_short '{}' <<'EOF'
vision_model.encoder.layers.0.attn.qkv.weight 48,16
vision_model.encoder.layers.0.attn.qkv.bias 48
EOF
compared nomic_bert split_attn_wqkv '{}' <<'EOF'
encoder.layers.0.attn.Wqkv.weight 48,16
encoder.layers.0.attn.Wqkv.bias 48
EOF
compared jina_embeddings_v3 split_mixer_wqkv '{}' <<'EOF'
encoder.layers.0.mixer.Wqkv.weight 48,16
encoder.layers.0.mixer.Wqkv.bias 48
EOF
compared RfDetrModel split_in_proj '{}' <<'EOF'
transformer.decoder.layers.0.self_attn.in_proj_weight 48,16
transformer.decoder.layers.0.self_attn.in_proj_bias 48
EOF
compared kimi_k25 split_qkv_rope '{"vision_config": {"num_attention_heads": 2}}' <<'EOF'
vision_tower.encoder.blocks.0.wqkv.weight 48,16
vision_tower.encoder.blocks.0.wqkv.bias 48
EOF
compared step3p5_vision split_in_proj_rope '{"num_attention_heads": 2, "vision_config": {"num_attention_heads": 2}}' <<'EOF'
transformer.resblocks.0.attn.in_proj_weight 48,16
transformer.resblocks.0.attn.in_proj_bias 48
EOF

# A module that a program of the library does not fit is left out, with the reason.
python3 "$root/tests/cli/write_weights.py" strange '{"hidden_act": "silu"}' <<'EOF'
model.layers.0.mlp.experts.{0..3}.gate_proj.weight 8,16
model.layers.0.mlp.experts.{0..3}.up_proj.weight 8,16
model.layers.0.mlp.experts.{0..3}.down_proj.weight 16,8
EOF
expect_status 1 tenon parity strange --rules qwen2_moe
expect_text out 'experts at model.layers.0.mlp'
expect_text out num_experts_per_tok
