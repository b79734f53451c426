# From one runtime's layout to another's through the publisher's, in one step, and back.
. "$(dirname "$0")/lib.sh"

make_checkpoint llama --model llama --layers 2
expect_status 0 tenon convert llama mcore --rules llama_megatron --no-sync
expect_status 0 tenon convert llama wanted --rules llama_vllm --no-sync
# The names of layouts are those of the model type in config.json.
expect_status 0 tenon convert mcore served --from-rules megatron --rules vllm --verify --hash sha256 --no-sync
expect_text err 'from llama_megatron through the original layout'
expect_same_tensors wanted served
expect_status 0 tenon verify served --against mcore
expect_status 0 tenon convert served back --to original --verify --no-sync
expect_same_shards mcore back
expect_same_file mcore/config.json back/config.json
expect_status 0 tenon verify back --against served

# Both halves explain a key: what it is made of, and where it goes.
expect_status 0 tenon explain mcore model.layers.1.self_attn.qkv_proj.weight --from-rules llama_megatron --rules llama_vllm
expect_text out decoder.layers.1.self_attention.linear_qkv.weight
expect_status 0 tenon explain mcore decoder.final_layernorm.weight --from-rules llama_megatron --rules llama_vllm
expect_text out model.norm.weight
expect_status 0 tenon plan mcore --from-rules llama_megatron --rules llama_vllm --golden
expect_text out decoder.layers.0.self_attention.linear_qkv.weight

# A family is a layout as well.
expect_status 0 tenon convert llama fused --fuse qkv --fuse gate_up --no-sync
expect_status 0 tenon convert fused mcore2 --from-rules qkv --from-rules gate_up --rules llama_megatron --no-sync
expect_same_tensors mcore mcore2

expect_refused --from-rules --rules -- tenon convert mcore x --from-rules llama_megatron
expect_refused llama_megatron --from-rules -- tenon convert llama x --from-rules llama_megatron --rules llama_vllm
expect_refused --to -- tenon convert mcore x --from-rules llama_megatron --to original
