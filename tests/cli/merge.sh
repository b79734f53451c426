# An adapter merged into its base: written as the base is, no way back, and what cannot be merged refused by its name.
. "$(dirname "$0")/lib.sh"

write_tensors base '{"model_type": "of_a_test"}' <<'LINES'
a.weight BF16 24,16
b.weight F16 8,16
c.weight F32 5
LINES
adapter() {
  local name=$1 more=${2:-}
  sed 's/^/base_model.model./' | write_tensors "$name"
  mv "$name/model.safetensors" "$name/adapter_model.safetensors"
  printf '{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["a", "b"]%s}' "$more" >"$name/adapter_config.json"
}
adapter lora <<'LINES'
a.lora_A.weight F32 2,16
a.lora_B.weight F32 24,2
LINES
expect_status 0 tenon merge base lora merged --hash sha256 --no-sync
expect_text err 'do not come back'
expect_status 0 tenon verify merged
expect_status 1 tenon diff base merged
expect_text out a.weight
expect_no_text out b.weight
expect_text merged/tenon-manifest.json '"merged"'
expect_text merged/tenon-manifest.json a.lora_A.weight
expect_refused 'come back' -- tenon convert merged out1 --to original
expect_status 2 tenon merge base lora merged
expect_status 0 tenon merge base lora merged --overwrite --threads 1 --max-shard-size 500 --no-sync
expect_status 0 tenon verify merged
# The same on any number of threads.
expect_status 0 tenon merge base lora merged4 --threads 4 --no-sync
expect_status 0 tenon diff merged merged4

adapter other <<'LINES'
d.lora_A.weight F32 2,16
d.lora_B.weight F32 24,2
LINES
expect_refused d.weight base -- tenon merge base other out1
adapter narrow <<'LINES'
a.lora_A.weight F32 2,8
a.lora_B.weight F32 24,2
LINES
expect_refused '[24, 8]' a.weight -- tenon merge base narrow out1
adapter dora ', "use_dora": true' <<'LINES'
a.lora_A.weight F32 2,16
a.lora_B.weight F32 24,2
a.lora_magnitude_vector F32 24
LINES
expect_refused lora_magnitude_vector -- tenon merge base dora out1
expect_refused adapter_config.json -- tenon merge lora base out1
