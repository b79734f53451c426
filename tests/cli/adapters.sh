# Adapters: by the rules of their base, there and back; what cannot go along is refused by its name.
. "$(dirname "$0")/lib.sh"

base='{"model_type": "llama", "hidden_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "num_hidden_layers": 1, "intermediate_size": 12}'
write_tensors base "$base" <<'LINES'
model.embed_tokens.weight F32 20,16
model.norm.weight F32 16
lm_head.weight F32 20,16
model.layers.0.self_attn.q_proj.weight F32 16,16
model.layers.0.self_attn.k_proj.weight F32 8,16
model.layers.0.self_attn.v_proj.weight F32 8,16
model.layers.0.self_attn.o_proj.weight F32 16,16
model.layers.0.mlp.gate_proj.weight F32 12,16
model.layers.0.mlp.up_proj.weight F32 12,16
model.layers.0.mlp.down_proj.weight F32 16,12
model.layers.0.input_layernorm.weight F32 16
model.layers.0.post_attention_layernorm.weight F32 16
LINES

# adapter NAME [CONFIG MEMBERS] <<<TENSORS: keys without their prefix.
adapter() {
  local name=$1 more=${2:-}
  sed 's/^/base_model.model./' | write_tensors "$name"
  mv "$name/model.safetensors" "$name/adapter_model.safetensors"
  rm -f "$name/config.json"
  printf '{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "k_proj", "v_proj"]%s}' "$more" >"$name/adapter_config.json"
}
q='model.layers.0.self_attn.q_proj'
k='model.layers.0.self_attn.k_proj'
v='model.layers.0.self_attn.v_proj'
pair() { printf '%s.lora_A.weight F32 2,16\n%s.lora_B.weight F32 %s,2\n' "$1" "$1" "$2"; }
whole() { pair $q 16; pair $k 8; pair $v 8; }

whole | adapter lora
expect_status 0 tenon convert lora lora2 --base base --fuse qkv --hash sha256 --no-sync
expect_status 0 tenon inspect lora2
expect_text out qkv_proj.lora_A.weight
expect_text out '[6, 16]'
expect_text out '[32, 6]'
expect_text lora2/adapter_config.json '"qkv_proj": 6'
expect_text lora2/adapter_config.json '"qkv_proj": 12'
expect_status 0 tenon verify lora2 --against lora
expect_status 0 tenon convert lora2 lora3 --to original --no-sync
expect_same_file lora/adapter_model.safetensors lora3/adapter_model.safetensors
expect_same_file lora/adapter_config.json lora3/adapter_config.json
# The way back of a folder that has no manifest: parts of equal rank.
cp -r lora2 alone
rm alone/tenon-manifest.json
expect_status 0 tenon convert alone alone2 --to original --base base --fuse qkv --no-sync
expect_same_tensors lora alone2
# The base as it is converted knows its rules.
expect_status 0 tenon convert base base2 --fuse qkv --no-sync
expect_status 0 tenon convert lora lora4 --base base2 --no-sync
expect_same_tensors lora2 lora4
expect_status 0 tenon plan lora --base base --fuse qkv
expect_text out 'adapter_config.json: target_modules'
expect_text out 'proven'

# A part without a pair: zero rows.
{ pair $q 16; pair $v 8; } | adapter two
expect_status 0 tenon convert two two2 --base base --fuse qkv --no-sync
expect_status 0 tenon convert two2 two3 --to original --no-sync
expect_same_file two/adapter_model.safetensors two3/adapter_model.safetensors

# One A for all parts is kept as one, and comes back as three.
printf '%s.lora_A.weight F32 2,16 same\n' $q $k $v | cat - <(printf '%s.lora_B.weight F32 %s,2\n' $q 16 $k 8 $v 8) | adapter shared
expect_status 0 tenon convert shared shared2 --base base --fuse qkv --no-sync
expect_status 0 tenon inspect shared2
expect_text out '[2, 16]'
expect_status 0 tenon convert shared2 shared3 --to original --no-sync
expect_same_file shared/adapter_model.safetensors shared3/adapter_model.safetensors

# Trained as one: it has no parts.
{ printf 'model.layers.0.self_attn.qkv_proj.lora_A.weight F32 6,16\nmodel.layers.0.self_attn.qkv_proj.lora_B.weight F32 32,6\n'; } | adapter joined ', "rank_pattern": {"qkv_proj": 6}'
expect_refused qkv_proj.lora_B.weight 'block diagonal' -- tenon convert joined out1 --to original --base base --fuse qkv

# Magnitudes go with rows.
{ whole; printf '%s.lora_magnitude_vector F32 %s\n' $q 16 $k 8 $v 8; } | adapter dora ', "use_dora": true'
expect_status 0 tenon convert dora dora2 --base base --fuse qkv --no-sync
expect_status 0 tenon inspect dora2
expect_text out qkv_proj.lora_magnitude_vector
expect_status 0 tenon convert dora2 dora3 --to original --no-sync
expect_same_file dora/adapter_model.safetensors dora3/adapter_model.safetensors
{ whole; printf '%s.lora_magnitude_vector F32 16\n' $q; } | adapter some ', "use_dora": true'
expect_refused lora_magnitude_vector q_proj -- tenon convert some out1 --base base --fuse qkv

# What is saved whole goes as the base's tensor does.
{ whole; printf 'lm_head.weight F32 20,16\n'; } | adapter saved ', "modules_to_save": ["lm_head"]'
printf 'tenon: 1\nname: head\nabout: Another head.\ntransforms:\n  - WeightRenaming: {source_patterns: ^lm_head, target_patterns: head.out}\n' >head.yaml
expect_status 0 tenon convert saved saved2 --rules head.yaml --no-sync
expect_text saved2/adapter_config.json '"head.out"'
expect_status 0 tenon inspect saved2
expect_text out base_model.model.head.out.weight
expect_status 0 tenon convert saved2 saved3 --to original --no-sync
expect_same_file saved/adapter_model.safetensors saved3/adapter_model.safetensors

# Refused, and why.
expect_refused --base adapter -- tenon convert lora out1
expect_refused llamma -- tenon convert lora out1 --base llamma
whole | adapter ia3
sed -i 's/LORA/IA3/' ia3/adapter_config.json
expect_refused peft_type IA3 -- tenon convert ia3 out1 --base base
whole | adapter layers ', "layer_replication": [[0, 1]]'
expect_refused layer_replication -- tenon convert layers out1 --base base
whole | adapter scales ', "alpha_pattern": {"k_proj": 8}'
expect_refused k_proj q_proj alpha -- tenon convert scales out1 --base base --fuse qkv
pair $q 12 | adapter narrow
expect_refused q_proj '[16, 16]' -- tenon convert narrow out1 --base base
printf '%s.lora_A.weight F32 2,16\n' $q | adapter half
expect_refused lora_B q_proj -- tenon convert half out1 --base base
{ whole; printf '%s.lora_E F32 2\n' $q; } | adapter more
expect_refused lora_E -- tenon convert more out1 --base base
printf 'tenon: 1\nname: heads\nabout: Kernels.\ntransforms:\n  - WeightConverter: {source_patterns: q_proj.weight$, target_patterns: q.kernel, operations: [Reshape: {shape: [2, 8, 16]}]}\n' >heads.yaml
expect_refused q_proj merge -- tenon convert lora out1 --rules heads.yaml
