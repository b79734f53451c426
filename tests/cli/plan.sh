# plan: what would be written and from where; --golden is stable and does not depend on where the checkpoint lies.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral --shard-size 200kB
expect_status 0 tenon plan moe
expect_text out 'Concatenate(dim=1)'
expect_text out 'model.safetensors'
tenon plan moe --golden >golden
mkdir elsewhere && mv moe elsewhere/moved
tenon plan elsewhere/moved --golden >again
expect_same_file golden again
expect_text golden model.layers.0.mlp.experts.gate_up_proj
