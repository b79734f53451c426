# Mistakes in module programs and in flags are told with their place, before a tensor is read.
. "$(dirname "$0")/lib.sh"

make_checkpoint llama --model llama
cp -r "$root/rules" rules
family=rules/fusions/gate_up.yaml
refuse() { # SED_EDIT WORD...: the edited family is refused, with its file and the line of the mistake
  cp "$root/$family" "$family"
  sed -i "$1" "$family"
  shift
  expect_refused "$family:" "$@" -- tenon parity llama --fuse gate_up --rules-dir rules
}
line() { grep -nm1 -e "$1" "$root/$family" | cut -d: -f1; }

refuse 's/op: gated_mlp/op: gated_mpl/' "gate_up.yaml:$(line 'op: gated_mlp')" "there is no operation 'gated_mpl'" "Did you mean 'gated_mlp'?"
refuse 's/x: g, y: u,/x: g, y: w,/' "gate_up.yaml:$(line 'x: g, y: u,')" "'w' is no input, and no step before this one makes it"
refuse 's/weight: up_proj.weight/wieght: up_proj.weight/' "unknown key 'wieght' in linear" "linear needs the key 'weight'"
refuse 's/compare: \[y\]/compare: [z]/' "no step of 'original' makes 'z'"
refuse 's/x: h, weight: down_proj.weight/x: x, weight: down_proj.weight/' 'linear: x [16, 64] does not fit the weight'
refuse "s/inputs: {x: \[tokens, .*/inputs: {x: [tokens, 0]}/" "input 'x': 0 is no extent"

expect_refused --dtype fp8 -- tenon parity llama --fuse gate_up --dtype fp8
expect_refused --layers -- tenon parity llama --fuse gate_up --layers 3-1
expect_refused --tokens -- tenon parity llama --fuse gate_up --tokens 0

# Weights that it cannot compute with are not compared, whichever way the program was found; bytes are looked at all the same.
for model in llama mixtral; do
  make_checkpoint fp8-$model --model $model --dtype F8_E4M3
  expect_status 1 tenon parity fp8-$model $([ $model = mixtral ] || echo --fuse gate_up)
  expect_text out 'parity cannot run on F8_E4M3 weights'
  expect_text out 'checked by their bytes alone'
done

# A fused checkpoint that is another model's.
make_checkpoint other --model llama --hidden 32
expect_status 0 tenon convert other otherfused --fuse gate_up
expect_refused 'otherfused: model.layers.' 'where the plan makes' -- tenon parity llama otherfused --fuse gate_up
