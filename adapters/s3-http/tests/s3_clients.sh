#!/usr/bin/env bash
# 38 checks of an S3 endpoint by the clients that people have: awscli (26), rclone (7), s3cmd (5). Not the specification's own script,
# which is not at hand, but checks of its kind.
#
#     s3_clients.sh http://127.0.0.1:9000 ACCESS_KEY SECRET_KEY
#
# AWS, RCLONE and S3CMD name the programs. One line for each check, and how many of them are ok at the end; status 1 if not all are.
# The server takes signatures of version 2 too (`DOLMEN_S3_SIGNATURE_V2=true`), which version 1 of awscli presigns with.
set -u
unset AWS_CA_BUNDLE AWS_PROFILE
endpoint=$1
export AWS_ACCESS_KEY_ID=$2 AWS_SECRET_ACCESS_KEY=$3 AWS_DEFAULT_REGION=us-east-1 AWS_ENDPOINT_URL=$1 AWS_EC2_METADATA_DISABLED=true AWS_PAGER=
export RCLONE_CONFIG_D_TYPE=s3 RCLONE_CONFIG_D_PROVIDER=Other RCLONE_CONFIG_D_ENDPOINT=$1 RCLONE_CONFIG_D_ACCESS_KEY_ID=$2 RCLONE_CONFIG_D_SECRET_ACCESS_KEY=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export RCLONE_CONFIG=$work/rclone.conf
touch rclone.conf
aws=${AWS:-aws} rclone=${RCLONE:-rclone}
host=${endpoint#*://}
printf '[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %s\nuse_https = False\nsignature_v2 = False\n' "$2" "$3" "$host" "$host" >s3cfg
s3cmd="${S3CMD:-s3cmd} --no-progress -c $work/s3cfg"
api() { "$aws" s3api "$@"; }
total=0 good=0
check() { # NAME COMMAND: what the command says is shown if it fails
    total=$((total + 1))
    if (set -e -o pipefail; eval "$2") >out 2>&1; then
        good=$((good + 1))
        echo "ok $1"
    else
        echo "FAILED $1"
        sed 's/^/    /' out | tail -n 5
    fi
}

b=clients-$$
head -c 100000 /dev/urandom >small
head -c 20971520 /dev/urandom >large
mkdir -p tree/a/b 'tree/with space'
echo 1 >tree/a/b/deep; echo 2 >'tree/with space/r+1.txt'; echo 3 >'tree/with space/r 1.txt'; echo 4 >'tree/é&=%25.txt'; echo 5 >'tree/~(x)!.txt'; : >tree/empty

check 'awscli mb' '"$aws" s3 mb s3://$b'
check 'awscli ls' '"$aws" s3 ls | grep " $b$"'
check 'awscli cp up' '"$aws" s3 cp small s3://$b/small --no-progress'
check 'awscli cp down' '"$aws" s3 cp s3://$b/small got --no-progress && cmp small got'
check 'awscli cp in parts' '"$aws" s3 cp large s3://$b/large --no-progress && api head-object --bucket $b --key large | grep -- "-3"'
check 'awscli cp of parts' '"$aws" s3 cp s3://$b/large got --no-progress && cmp large got'
check 'awscli sync up' '"$aws" s3 sync tree s3://$b/tree --no-progress | grep -c upload | grep -x 6'
check 'awscli sync again' '[ -z "$("$aws" s3 sync tree s3://$b/tree --no-progress)" ]'
check 'awscli sync down' '"$aws" s3 sync s3://$b/tree down --no-progress && diff -r tree down'
check 'awscli sync --delete' 'mkdir few && cp tree/a/b/deep few/ && "$aws" s3 sync few s3://$b/tree --delete --no-progress && "$aws" s3 ls --recursive s3://$b/tree/ | wc -l | grep -x 1'
check 'awscli mv' '"$aws" s3 mv s3://$b/small s3://$b/moved --no-progress && ! api head-object --bucket $b --key small && "$aws" s3 cp s3://$b/moved - | cmp small -'
check 'awscli rm --recursive' '"$aws" s3 rm --recursive s3://$b/tree && [ -z "$("$aws" s3 ls --recursive s3://$b/tree/)" ]'
check 'awscli presign' 'curl -sf "$("$aws" s3 presign s3://$b/moved)" | cmp small -'
check 'awscli CRC64NVME' 'api put-object --bucket $b --key sum --body small --checksum-algorithm CRC64NVME | grep ChecksumCRC64NVME'
check 'awscli checksum of an object' 'api head-object --bucket $b --key sum --checksum-mode ENABLED | grep "\"ChecksumType\": \"FULL_OBJECT\""'
check 'awscli tags' 'api put-object-tagging --bucket $b --key sum --tagging "TagSet=[{Key=kind,Value=granite}]" && api get-object-tagging --bucket $b --key sum | grep granite'
check 'awscli versions' 'api put-bucket-versioning --bucket $b --versioning-configuration Status=Enabled && api put-object --bucket $b --key v --body small && api put-object --bucket $b --key v --body s3cfg && api list-object-versions --bucket $b --prefix v | grep -c VersionId | grep -x 2'
check 'awscli an old version' 'id=$(api list-object-versions --bucket $b --prefix v --query "Versions[?!IsLatest].VersionId" --output text) && api get-object --bucket $b --key v --version-id "$id" got && cmp small got'
check 'awscli a delete marker' 'api delete-object --bucket $b --key v | grep "\"DeleteMarker\": true" && ! api head-object --bucket $b --key v'
check 'awscli copy-object' 'api copy-object --bucket $b --key copied --copy-source $b/moved --metadata-directive REPLACE --metadata stone=gneiss && api head-object --bucket $b --key copied | grep gneiss'
check 'awscli parts by hand' 'id=$(api create-multipart-upload --bucket $b --key hand --query UploadId --output text) && tag=$(api upload-part --bucket $b --key hand --upload-id "$id" --part-number 1 --body small --query ETag --output text) && api list-parts --bucket $b --key hand --upload-id "$id" | grep "\"PartNumber\": 1" && api complete-multipart-upload --bucket $b --key hand --upload-id "$id" --multipart-upload "Parts=[{PartNumber=1,ETag=$tag}]" && "$aws" s3 cp s3://$b/hand - | cmp small -'
check 'awscli abort' 'id=$(api create-multipart-upload --bucket $b --key gone --query UploadId --output text) && api abort-multipart-upload --bucket $b --key gone --upload-id "$id" && ! api list-multipart-uploads --bucket $b | grep gone'
check 'awscli range' 'api get-object --bucket $b --key moved --range bytes=100-199 got && head -c 200 small | tail -c 100 | cmp - got'
check 'awscli if-none-match' '! api put-object --bucket $b --key moved --body s3cfg --if-none-match "*" && "$aws" s3 cp s3://$b/moved - | cmp small -'
check 'awscli policy' 'api put-bucket-policy --bucket $b --policy "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::$b/moved\"}]}" && curl -sf "$endpoint/$b/moved" | cmp small - && ! curl -sf "$endpoint/$b/sum" && api get-bucket-policy --bucket $b'
check 'awscli lifecycle' 'api put-bucket-lifecycle-configuration --bucket $b --lifecycle-configuration "Rules=[{ID=r,Status=Enabled,Filter={Prefix=tmp/},Expiration={Days=1}}]" && api get-bucket-lifecycle-configuration --bucket $b | grep "\"Days\": 1"'

c=$b-rclone
check 'rclone mkdir' '"$rclone" mkdir d:$c && "$rclone" lsd d: | grep " $c$"'
check 'rclone sync up' '"$rclone" sync tree d:$c/tree && "$rclone" lsf -R --files-only d:$c/tree | wc -l | grep -x 6'
check 'rclone check' '"$rclone" check tree d:$c/tree'
check 'rclone copy down' '"$rclone" copy d:$c/tree back && diff -r tree back'
check 'rclone in parts' '"$rclone" copyto --s3-upload-cutoff 5M --s3-chunk-size 5M large d:$c/large && "$rclone" cat d:$c/large | cmp large -'
check 'rclone moveto' '"$rclone" moveto d:$c/large d:$c/moved && "$rclone" lsf d:$c | grep -x moved && ! "$rclone" lsf d:$c | grep -x large'
check 'rclone purge' '"$rclone" purge d:$c && ! "$rclone" lsd d: | grep " $c$"'

d=$b-s3cmd
check 's3cmd mb' '$s3cmd mb s3://$d && $s3cmd ls | grep "s3://$d"'
check 's3cmd put and get' '$s3cmd put "tree/with space/r+1.txt" "s3://$d/r+1 é.txt" && $s3cmd get --force "s3://$d/r+1 é.txt" got && cmp "tree/with space/r+1.txt" got'
check 's3cmd in parts' '$s3cmd put --multipart-chunk-size-mb 5 large s3://$d/large && $s3cmd get --force s3://$d/large got && cmp large got'
check 's3cmd sync twice' '$s3cmd sync tree/ s3://$d/tree/ && [ -z "$($s3cmd sync --dry-run tree/ s3://$d/tree/ 2>/dev/null | grep upload)" ] && $s3cmd sync s3://$d/tree/ third/ && diff -r tree third'
check 's3cmd setacl and signurl' '$s3cmd setacl --acl-public s3://$d/large && curl -sf "$endpoint/$d/large" | cmp large - && $s3cmd info s3://$d/large | grep "ACL" && $s3cmd rb --recursive --force s3://$d'
echo "$good of $total"
[ "$good" = "$total" ]
