# Rule libraries in layers (--rules-dir, TENON_RULES), and a project's own options in tenon.yaml.
. "$(dirname "$0")/lib.sh"

make_checkpoint moe --model mixtral
make_checkpoint llama --model llama
mkdir -p mine/models mine/fusions
sed -e 's/^name: .*/name: herformer/' -e 's/model_type: .*mixtral.*/model_type: [herformer]/' "$root/rules/models/mixtral.yaml" >mine/models/herformer.yaml
cp -r moe her
sed -i 's/"mixtral"/"herformer"/; s/MixtralForCausalLM/HerformerForCausalLM/' her/config.json

# Its own and the built-in ones.
expect_status 0 tenon plan her --rules-dir mine
expect_text out 'rules herformer'
expect_status 0 tenon plan moe --rules-dir mine
expect_status 0 tenon plan llama --rules-dir mine --fuse qkv
expect_status 0 env TENON_RULES="$PWD/mine" "$TENON" plan her
expect_status 0 env TENON_RULES="$PWD/nothing:$PWD/mine" "$TENON" --help
expect_status 2 env TENON_RULES="$PWD/nothing:$PWD/mine" "$TENON" plan her
expect_text err rules-no-library
tenon rules list --rules-dir mine >out
expect_text out herformer
expect_text out qwen3_moe
expect_text out mine

# Of two of one name the first counts: a project can replace a rule file.
sed 's/experts\.down_proj/experts.down_matrix/' "$root/rules/models/mixtral.yaml" >mine/models/mixtral.yaml
tenon plan moe --rules-dir mine --snapshot --one-way >out 2>/dev/null
expect_text out down_matrix
mkdir -p other/models && cp "$root/rules/models/mixtral.yaml" other/models/
tenon plan moe --rules-dir other:mine --snapshot >out 2>/dev/null
expect_no_text out down_matrix

# tenon.yaml: from any folder below; what is said counts more; mistakes have their place.
mkdir -p project/deep/er project/lib
cp -r mine/models project/lib/
rm project/lib/models/mixtral.yaml
cat >project/tenon.yaml <<'YAML'
rules_dir: lib
max_shard_size: 300kB
lint: {strict: true}
YAML
cd project/deep/er
expect_status 0 tenon plan ../../../her
expect_text out 'rules herformer'
expect_text err 'note[project-options]'
expect_text err 'tenon.yaml'
expect_text out 'in 4 files'
expect_status 0 tenon plan ../../../her --max-shard-size 5GB
expect_text out 'in 1 file'
expect_status 0 tenon plan ../../../her --no-project
expect_text out "no rules for model type 'herformer'"
tenon convert ../../../moe ../made >/dev/null 2>&1
[ "$(ls ../made/*.safetensors | wc -l)" = 4 ] || fail "the project's shard size was not taken"
sed -i 's/strict: true/strct: true/' ../../tenon.yaml
expect_status 2 tenon plan ../../../moe
expect_text err "tenon.yaml:3:"
expect_text err 'strict'
printf 'max_shard_size: five\n' >../../tenon.yaml
expect_status 2 tenon plan ../../../moe
expect_text err 'tenon.yaml:1:'
printf 'overwite: true\n' >../../tenon.yaml
expect_status 2 tenon plan ../../../moe
expect_text err overwrite

# A converted folder's manifest says how it was made: what the project asks for is about what is made next.
cd "$scratch"
mkdir -p habits
cat >habits/tenon.yaml <<'YAML'
fuse: [qkv]
max_shard_size: 200kB
dtype: fp32
YAML
expect_status 0 tenon convert moe moe-fused
cd habits
expect_status 0 tenon convert ../moe-fused ../moe-back --to original
(cd ../moe && sha256sum -- *) >before
(cd ../moe-back && sha256sum -- * | grep -v tenon-manifest.json) >after
expect_same_file before after
expect_status 0 tenon verify ../moe-fused --against ../moe
expect_status 0 tenon convert ../moe ../moe-joined --one-way
expect_status 0 tenon inspect ../moe-joined
expect_text out qkv_proj
