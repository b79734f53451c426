# --fill-from: what a checkpoint lost comes from the one that it started from, whole; the way back leaves it out again.
. "$(dirname "$0")/lib.sh"

config='{"model_type": "qwen3_moe", "architectures": ["Qwen3MoeForCausalLM"], "num_experts": 4, "num_hidden_layers": 3}'

# tensors SEED [DTYPE]: three layers of a mixture.
tensors() {
  local layer expert
  printf 'model.embed_tokens.weight %s 16,8 %s\nmodel.norm.weight %s 8 %s\n' "${2:-BF16}" "$1e" "${2:-BF16}" "$1n"
  for layer in 0 1 2; do
    printf 'model.layers.%s.mlp.gate.weight %s 4,8 %s\n' $layer "${2:-BF16}" "$1g$layer"
    for expert in 0 1 2 3; do
      for part in gate_proj:4,8 up_proj:4,8 down_proj:8,4; do
        printf 'model.layers.%s.mlp.experts.%s.%s.weight %s %s %s\n' $layer $expert ${part%:*} "${2:-BF16}" ${part#*:} "$1$layer$expert$part"
      done
    done
  done
}

tensors old | write_tensors origin "$config"
tensors new | grep -v 'layers\.1\.' | write_tensors lost_layer "$config"
tensors new | grep -v 'layers\.2\.mlp\.experts\.3\.' | write_tensors lost_expert "$config"
{ tensors new | grep -v 'layers\.1\.'; tensors old | grep 'layers\.1\.'; } | write_tensors whole_layer "$config"
{ tensors new | grep -v 'layers\.2\.mlp\.experts\.3\.'; tensors old | grep 'layers\.2\.mlp\.experts\.3\.'; } | write_tensors whole_expert "$config"

expect_refused layers.1 -- tenon convert lost_layer made
for what in layer:13 expert:3; do
  name=${what%:*} count=${what#*:}
  expect_status 0 tenon plan lost_$name --fill-from origin
  expect_text err "$count tensors that it lacks are read from origin"
  expect_status 0 tenon convert lost_$name made_$name --fill-from origin
  expect_status 0 tenon convert whole_$name wanted_$name
  expect_same_tensors made_$name wanted_$name

  # No path in the manifest, the keys listed, and the way back is the source, file by file, and says what it leaves out.
  ! grep -q origin made_$name/tenon-manifest.json || fail 'the manifest names the other checkpoint'
  [ "$(python3 -c 'import json,sys; print(len(json.load(open(sys.argv[1]))["filled"]))' made_$name/tenon-manifest.json)" = "$count" ] || fail 'filled'
  expect_status 0 tenon convert made_$name back_$name --to original --rules-dir "$scratch"
  expect_text err "$count tensors were filled in from another checkpoint"
  (cd lost_$name && sha256sum -- *) >sums
  (cd back_$name && sha256sum --check --quiet ../sums) || fail "back_$name is not lost_$name"
  [ "$(ls back_$name)" = "$(ls lost_$name; echo tenon-manifest.json)" ] || fail 'other files'

  # Looked at again, with the second checkpoint at hand.
  expect_status 0 tenon verify made_$name
  expect_status 2 tenon verify made_$name --against lost_$name
  for word in fill-needed --fill-from; do expect_text err $word; done
  expect_status 0 tenon verify made_$name --against lost_$name --fill-from origin
  expect_status 0 tenon convert back_$name made2_$name --fill-from origin
  expect_same_tensors made2_$name wanted_$name
done
key=model.layers.1.mlp.experts.2.up_proj.weight
expect_status 0 tenon explain lost_layer $key --fill-from origin
expect_text out gate_up_proj

# The bytes are the origin's, and a change of them is found.
tensors newer | write_tensors other "$config"
expect_status 1 tenon verify made_layer --against lost_layer --fill-from other

# Nothing lost; the destination that is the other checkpoint; a folder that goes back.
expect_status 0 tenon convert whole_layer again --fill-from origin
expect_text err fill-nothing
expect_refused output-is-source -- tenon convert lost_layer origin --overwrite --fill-from origin
expect_refused fill-returns -- tenon convert made_layer nowhere --to original --fill-from origin

# What does not fit: another dtype, another size, another layout, another model.
tensors old F32 | write_tensors float "$config"
expect_refused fill-does-not-fit F32 BF16 -- tenon convert lost_layer nowhere --fill-from float
tensors old | sed 's/16,8/16,6/; s/4,8/4,6/; s/8,4/6,4/; s/BF16 8 /BF16 6 /' | write_tensors small "$config"
expect_refused fill-does-not-fit small '[16, 6]' '[16, 8]' -- tenon convert lost_layer nowhere --fill-from small
expect_status 0 tenon convert origin fused
expect_refused fill-other-layout -- tenon convert lost_layer nowhere --fill-from fused
echo 'h.0.attn.c_attn.weight BF16 8,24' | write_tensors foreign "$config"
expect_refused fill-other-layout foreign -- tenon convert lost_layer nowhere --fill-from foreign
expect_status 2 tenon convert lost_layer nowhere --fill-from absent
expect_text err absent

# An interrupted run knows both.
cat >jobs.yaml <<'YAML'
jobs:
  - {source: lost_layer, destination: by_batch, fill_from: origin}
YAML
expect_status 0 tenon batch jobs.yaml
expect_same_shards by_batch made_layer
expect_status 0 tenon batch jobs.yaml
expect_text out 'done before'
