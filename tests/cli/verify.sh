# verify: a converted folder against its manifest and its source, in either direction; a changed byte is found and named.
. "$(dirname "$0")/lib.sh"

# flip_last_byte FILE
flip_last_byte() {
  python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(-1, 2); b = f.read(1); f.seek(-1, 2); f.write(bytes([b[0] ^ 1]))' "$1"
}
make_checkpoint moe --model mixtral
expect_status 0 tenon convert moe fused --verify --hash sha256 --no-sync
expect_status 0 tenon convert fused back --to original --verify --no-sync
expect_status 0 tenon verify fused
expect_status 0 tenon verify fused --against moe
expect_status 0 tenon verify back --against fused

flip_last_byte fused/model.safetensors
expect_status 1 tenon verify fused
expect_text out model.norm.weight
expect_status 1 tenon verify fused --against moe
expect_text out model.norm.weight
expect_status 1 tenon verify back --against fused
rm fused/tenon-manifest.json
expect_status 2 tenon verify fused
