# tenon parity --backend: the choice is said; cuda without a GPU or a module is a clear error.
. "$(dirname "$0")/lib.sh"

make_checkpoint model --model mixtral
expect_status 0 tenon parity model --backend cpu --tokens 4
expect_text err 'backend: cpu'
expect_text out 'cpu backend'

export TENON_CUDA_MODULE=$PWD/nothing.so
expect_status 0 tenon parity model --tokens 4
expect_text err 'backend: cpu'
expect_text err 'not CUDA: '
expect_text err nothing.so
expect_status 2 tenon parity model --backend cuda --tokens 4
expect_text err 'the CUDA backend does not run here'
expect_text err nothing.so
expect_status 2 tenon parity model --backend gpu --tokens 4
expect_text err "'gpu' is none of its values"
