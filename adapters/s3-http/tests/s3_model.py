"""Cases made from Amazon's own model of S3, run against a server and judged.

The model comes with botocore (Apache-2.0), and so do the writer of requests, the signer and the reader of answers: none of them is ours.
Nothing that is made here is kept in the repository, but for the table of results. Every case gets a world of its own (a bucket under a
fresh name, with what the case needs in it), so cases run in any order and beside each other.

    python s3_model.py --endpoint http://127.0.0.1:9000 --keys ACCESS SECRET [--only GLOB] [--results FILE] [--table FILE] [--twice]

What judges an answer, without Amazon at hand:
1. ok: the status of the model, a body that botocore reads, values of enumerations inside them, entity tags and checksums well formed;
2. error: 4xx, a document with code, message and request id (none for HEAD), and the world as it was before;
3. not implemented: 501 and its document; never 200;
4. headers and parameters that nobody knows are ignored;
5. what was put is got back;
6. the same case twice has the same status (`--twice`).
"""

import argparse
import base64
import collections
import copy
import datetime
import fnmatch
import hashlib
import http.client
import itertools
import json
import multiprocessing
import os
import random
import re
import time
import urllib.parse
import zlib
from xml.etree import ElementTree

import botocore
import botocore.loaders
from botocore import httpchecksum, parsers
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest, HeadersDict, prepare_request_dict
from botocore.credentials import Credentials
from botocore.model import ServiceModel
from botocore.serialize import RestXMLSerializer

LOADER = botocore.loaders.Loader()
MODEL = ServiceModel(LOADER.load_service_model('s3', 'service-2'), 's3')
EXAMPLES = LOADER.load_service_model('s3', 'examples-1')['examples']
PARSER = parsers.create_parser('rest-xml')
HELLO = b'hello'
OLD = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)
NEW = datetime.datetime(2096, 1, 1, tzinfo=datetime.timezone.utc)


class Raw(str):
    """Text that goes out as it is, whatever the model says about its place."""


class Writer(RestXMLSerializer):
    """Botocore's writer, for values that botocore would not write."""

    def _expand_host_prefix(self, parameters, operation_model):
        return None

    def _convert_header_value(self, shape, value):
        if isinstance(value, bool):
            return str(value).lower()
        return str(value) if isinstance(value, Raw) else super()._convert_header_value(shape, value)

    def _get_uri_and_query_string_value(self, value, shape):
        return str(value) if isinstance(value, Raw) else super()._get_uri_and_query_string_value(value, shape)

    def _convert_timestamp_to_str(self, value, timestamp_format=None):
        return str(value) if isinstance(value, Raw) else super()._convert_timestamp_to_str(value, timestamp_format)

    def _serialize_type_boolean(self, xmlnode, params, shape, name):
        node = ElementTree.SubElement(xmlnode, name)
        node.text = str(params) if isinstance(params, Raw) else str(bool(params)).lower()


WRITER = Writer()

# ---------------------------------------------------------------------------------------------------------------------- values


def checksum(algorithm, body):
    if algorithm == 'MD5':
        return base64.b64encode(hashlib.md5(body).digest()).decode()
    return httpchecksum._CHECKSUM_CLS[algorithm.lower()]().handle(body)


ALGORITHMS = MODEL.shape_for('ChecksumAlgorithm').enum
SUMS = {'Checksum' + name: name for name in ALGORITHMS}
CUSTOMER_KEY = base64.b64encode(b'k' * 32).decode()
CUSTOMER = {
    'SSECustomerAlgorithm': 'AES256',
    'SSECustomerKey': CUSTOMER_KEY,
    'SSECustomerKeyMD5': base64.b64encode(hashlib.md5(b'k' * 32).digest()).decode(),
}
COPY_CUSTOMER = {'CopySource' + name: value for name, value in CUSTOMER.items()}
KMS_KEY = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
POLICY = json.dumps({'Version': '2012-10-17', 'Statement': [{
    'Effect': 'Allow', 'Principal': '*', 'Action': 's3:GetObject', 'Resource': 'arn:aws:s3:::${bucket}/*'}]})
GRANTS = ['GrantFullControl', 'GrantRead', 'GrantReadACP', 'GrantWrite', 'GrantWriteACP']

# Members by name; by operation or shape in front of it where that matters.
VALUES = {
    'Bucket': '${bucket}', 'Key': '${key}', 'UploadId': '${uploadId}', 'VersionId': '${versionId}',
    'CopySource': '${bucket}/src', 'RenameSource': '${bucket}/src', 'Id': 'config', 'ID': 'rule', 'Body': HELLO, 'PartNumber': 1,
    'AnnotationName': 'note', 'AnnotationPayload': HELLO, 'AnnotationPrefix': 'n', 'ContentLength': 5,
    'ExpectedBucketOwner': '${owner}', 'ExpectedSourceBucketOwner': '${owner}', 'MFA': '20899872 301749', 'MpuObjectSize': 5,
    **dict.fromkeys(GRANTS, 'id="${owner}"'), **CUSTOMER, **COPY_CUSTOMER,
    'SSEKMSKeyId': KMS_KEY, 'KMSMasterKeyID': KMS_KEY, 'KMSKeyArn': KMS_KEY, 'KmsKeyArn': KMS_KEY, 'ServerSideEncryption': 'AES256',
    'SSEKMSEncryptionContext': base64.b64encode(b'{"a":"b"}').decode(), 'WebsiteRedirectLocation': '/elsewhere',
    'CopyObject.Tagging': 'a=b', 'PutObject.Tagging': 'a=b', 'CreateMultipartUpload.Tagging': 'a=b', 'ContentMD5': '${md5}',
    'Policy': POLICY, 'Range': 'bytes=0-1', 'CopySourceRange': 'bytes=0-4', 'ETag': '${etag}', 'CompletedPart.ETag': '${partEtag}',
    **{name: '${etag}' for name in ('IfMatch', 'CopySourceIfMatch', 'ObjectIfMatch', 'DestinationIfMatch', 'SourceIfMatch')},
    **{name: '"00000000000000000000000000000000"' for name in ('IfNoneMatch', 'CopySourceIfNoneMatch', 'SourceIfNoneMatch')},
    **{f'{op}.IfNoneMatch': '*' for op in ('PutObject', 'CopyObject', 'CompleteMultipartUpload')}, 'DestinationIfNoneMatch': '*',
    'IfMatchLastModifiedTime': '${lastModified}', 'LastModifiedTime': '${lastModified}', 'IfMatchSize': 5, 'Size': 5,
    'IfMatchInitiatedTime': '${initiated}', 'WriteOffsetBytes': 5, 'Metadata': {'name': 'value'},
    'EncodingType': 'url', 'Delimiter': '/', 'Prefix': 'k', 'Marker': 'a', 'KeyMarker': 'a', 'StartAfter': 'a',
    'VersionIdMarker': '${versionId}', 'UploadIdMarker': '${uploadId}', 'ContinuationToken': '${token}', 'BucketRegion': 'us-east-1',
    'PartNumberMarker': 0, 'MaxAgeSeconds': 3000, 'ObjectLockRetainUntilDate': NEW, 'RetainUntilDate': NEW,
    'ClientToken': 'token-1', 'AllowedMethods': ['GET'], 'AllowedOrigins': ['http://example.com'], 'AllowedHeaders': ['*'],
    'ExposeHeaders': ['x-amz-request-id'], 'ObjectAttributes': ['ETag'], 'OptionalObjectAttributes': ['RestoreStatus'],
    'Role': 'arn:aws:iam::123456789012:role/r', 'TopicArn': 'arn:aws:sns:us-east-1:123456789012:t',
    'QueueConfigurationDeprecated.Id': 'queue', 'CloudFunctionConfiguration.Id': 'function', 'TopicConfiguration.Id': 'topic',
    'QueueConfiguration.Id': 'queue', 'LambdaFunctionConfiguration.Id': 'function',
    'Topic': 'arn:aws:sns:us-east-1:123456789012:t', 'QueueArn': 'arn:aws:sqs:us-east-1:123456789012:q',
    'Queue': 'arn:aws:sqs:us-east-1:123456789012:q', 'LambdaFunctionArn': 'arn:aws:lambda:us-east-1:123456789012:function:f',
    'CloudFunction': 'arn:aws:lambda:us-east-1:123456789012:function:f', 'InvocationRole': 'arn:aws:iam::123456789012:role/r',
    'Destination.Bucket': 'arn:aws:s3:::${bucket}', 'InventoryS3BucketDestination.Bucket': 'arn:aws:s3:::${bucket}',
    'AnalyticsS3BucketDestination.Bucket': 'arn:aws:s3:::${bucket}', 'AccountId': '123456789012', 'Account': '123456789012',
    'BucketAccountId': '123456789012', 'AccessPointArn': 'arn:aws:s3:us-east-1:123456789012:accesspoint/a',
    'ReplicaKmsKeyID': KMS_KEY, 'KeyId': KMS_KEY, 'Minutes': 15, 'TargetBucket': '${bucket}', 'TargetPrefix': 'logs/',
    'HttpErrorCodeReturnedEquals': '404', 'HttpRedirectCode': '302', 'HostName': 'example.com', 'Suffix': 'index.html',
    'Grantee.ID': '${owner}', 'Owner.ID': '${owner}', 'Grantee.Type': 'CanonicalUser', 'EmailAddress': '${email}',
    'Grantee.URI': 'http://acs.amazonaws.com/groups/global/AllUsers', 'Tag.Key': 'name', 'Tag.Value': 'value',
    'LifecycleExpiration.Days': 365, 'Transition.Days': 30, 'NoncurrentVersionTransition.NoncurrentDays': 30,
    'NoncurrentVersionExpiration.NoncurrentDays': 365, 'NewerNoncurrentVersions': 5, 'Transition.StorageClass': 'STANDARD_IA',
    'NoncurrentVersionTransition.StorageClass': 'STANDARD_IA', 'LifecycleExpiration.Date': NEW, 'Transition.Date': NEW,
    'ObjectSizeGreaterThan': 1, 'ObjectSizeLessThan': 100, 'DaysAfterInitiation': 7, 'Tiering.Days': 180, 'RestoreRequest.Days': 1,
    'ObjectIdentifier.Key': '${key}', 'ErrorDocument.Key': 'error.html', 'ConfirmRemoveSelfBucketAccess': False,
    'ContentType': 'text/plain', 'ContentEncoding': 'gzip', 'Expires': NEW, 'ResponseExpires': NEW, 'Priority': 1,
    'StatusCode': 200, 'BucketKeyEnabled': True, 'BlockedEncryptionTypes.EncryptionType': ['SSE-C'], 'BucketNamespace': 'global', 'Expression': 'SELECT * FROM S3Object',
    **{f'CompletedPart.{name}': f'${{{algorithm}}}' for name, algorithm in SUMS.items()},
    **{name: f'${{{algorithm}}}' for name, algorithm in SUMS.items()},
    **{f'CompleteMultipartUpload.{name}': f'${{{algorithm}-1}}' for name, algorithm in SUMS.items() if algorithm != 'CRC64NVME'},
}
for _name in ('IfModifiedSince', 'CopySourceIfModifiedSince', 'DestinationIfModifiedSince', 'SourceIfModifiedSince'):
    VALUES[_name], VALUES[_name.replace('IfMod', 'IfUnmod')] = OLD, NEW

# What a shape needs beside what the model requires: without it Amazon refuses it.
NEEDS = {
    'LifecycleRule': ['Filter', 'Expiration'], 'Rule': ['Expiration'], 'LifecycleExpiration': ['Days'],
    'Transition': ['Days', 'StorageClass'], 'NoncurrentVersionTransition': ['NoncurrentDays', 'StorageClass'],
    'NoncurrentVersionExpiration': ['NoncurrentDays'], 'AbortIncompleteMultipartUpload': ['DaysAfterInitiation'],
    'LifecycleRuleFilter': ['Prefix'], 'LifecycleRuleAndOperator': ['Prefix', 'Tags'], 'AnalyticsFilter': ['Prefix'],
    'AnalyticsAndOperator': ['Prefix', 'Tags'], 'IntelligentTieringFilter': ['Prefix'],
    'IntelligentTieringAndOperator': ['Prefix', 'Tags'], 'MetricsFilter': ['Prefix'], 'MetricsAndOperator': ['Prefix', 'Tags'],
    'ReplicationRule': ['Prefix'], 'ReplicationRuleFilter': ['Prefix'], 'ReplicationRuleAndOperator': ['Prefix', 'Tags'],
    'ReplicationRuleNotOperator': ['Prefix'], 'ReplicationRuleOrOperator': ['Prefixes', 'Tags'], 'DeleteMarkerReplication': ['Status'],
    'ReplicationTimeValue': ['Minutes'], 'ServerSideEncryptionRule': ['ApplyServerSideEncryptionByDefault'],
    'DefaultRetention': ['Mode', 'Days'], 'EventHoldDuration': ['Days'], 'ObjectLockRetention': ['Mode', 'RetainUntilDate'],
    'ObjectLockLegalHold': ['Status'], 'ObjectLockConfiguration': ['ObjectLockEnabled'], 'ObjectLockRule': ['DefaultRetention'],
    'VersioningConfiguration': ['Status'], 'AccelerateConfiguration': ['Status'], 'AbacStatus': ['Status'],
    'CompletedMultipartUpload': ['Parts'], 'CompletedPart': ['ETag', 'PartNumber'], 'RestoreRequest': ['Days'],
    'FilterRule': ['Name', 'Value'], 'S3KeyFilter': ['FilterRules'], 'NotificationConfigurationFilter': ['Key'],
    'Condition': ['KeyPrefixEquals'], 'Redirect': ['HostName'], 'WebsiteConfiguration': ['IndexDocument'],
    'AccessControlPolicy': ['Grants', 'Owner'], 'Owner': ['ID'], 'Grantee': ['ID'], 'Grant': ['Grantee', 'Permission'],
    'TargetGrant': ['Grantee', 'Permission'], 'TargetObjectKeyFormat': ['SimplePrefix'], 'PartitionedPrefix': ['PartitionDateSource'],
    'InventoryEncryption': ['SSES3'], 'PutBucketAclRequest': ['ACL'], 'PutObjectAclRequest': ['ACL'],
    'TopicConfigurationDeprecated': ['Topic', 'Event'], 'QueueConfigurationDeprecated': ['Queue', 'Event'],
    'CloudFunctionConfiguration': ['CloudFunction', 'Event'], 'PublicAccessBlockConfiguration': ['BlockPublicAcls'],
    'CreateBucketConfiguration': ['LocationConstraint'], 'BlockedEncryptionTypes': ['EncryptionType'],
    'UploadPartRequest': ['Body'], 'PutObjectRequest': ['Body'], 'ObjectEncryption': ['SSEKMS'],
    'CloudFunctionConfiguration ': [],
}

# Members that exclude each other: (shapes, alternatives). An alternative is a pattern for names.
FILTERS = 'Prefix$|Tag$|And$|Not$|Or$|ObjectSize.*|AccessPointArn'
EXCLUDE = [
    ('.*', ['ACL', 'AccessControlPolicy', 'Grant.*']),
    ('.*', ['SSECustomer.*', 'ServerSideEncryption$|SSEKMS.*|BucketKeyEnabled']),
    ('(?!ListParts|Complete).*Request', [f'Checksum{name}$' for name in ALGORITHMS] + ['ChecksumAlgorithm$|ChecksumType$']),
    ('CompletedPart|CompleteMultipart.*', [f'Checksum{name}$' for name in ALGORITHMS]),
    ('(Put|Copy|Complete).*Request', ['IfMatch$', 'IfNoneMatch$']), ('RenameObjectRequest', ['DestinationIfMatch', 'DestinationIfNoneMatch']),
    ('(Get|Head)ObjectRequest', ['Range', 'PartNumber', 'ChecksumMode']),
    ('.*', ['Date$', 'Days$', 'Years$', 'ExpiredObjectDeleteMarker']), ('.*(Filter|NotOperator)', FILTERS.split('|')),
    ('LifecycleRule|ReplicationRule', ['Prefix', 'Filter']),
    ('WebsiteConfiguration', ['RedirectAllRequestsTo', 'IndexDocument|ErrorDocument|RoutingRules']),
    ('Redirect', ['ReplaceKeyPrefixWith', 'ReplaceKeyWith']), ('TargetObjectKeyFormat', ['SimplePrefix', 'PartitionedPrefix']),
    ('InventoryEncryption', ['SSES3', 'SSEKMS']), ('Grantee', ['ID|DisplayName', 'EmailAddress', 'URI']),
    ('PutObjectRequest', ['WriteOffsetBytes', 'ACL|Grant.*|If.*|Object.*|SSE.*|Server.*|Bucket.+|Meta.*|Website.*|Tagging|Storage.*|Ca.*|Ex.*'
                          '|Content[DELT].*|Checksum.*']),
    ('RestoreRequest', ['Days|Glacier.*|Tier$|Description', 'Type|SelectParameters|OutputLocation']),
    ('ListObjectsV2Request', ['ContinuationToken', 'StartAfter']), ('CreateBucketConfiguration', ['LocationConstraint', 'Location|Bucket']),
    ('.*(Deprecated|CloudFunctionConfiguration)', ['Event$', 'Events$']),
]

# Members that go with others: (shapes, member, what comes with it).
WITH = [
    ('.*Request', 'SSECustomer.*', CUSTOMER), ('.*Request', 'CopySourceSSECustomer.*', COPY_CUSTOMER),
    ('.*Request', 'SSEKMS.*|BucketKeyEnabled', {'ServerSideEncryption': 'aws:kms'}),
    ('.*', 'KMSMasterKeyID', {'SSEAlgorithm': 'aws:kms'}), ('.*', 'ObjectLockMode', {'ObjectLockRetainUntilDate': NEW}),
    ('.*', 'ObjectLockRetainUntilDate', {'ObjectLockMode': 'GOVERNANCE'}),
    ('.*', 'ObjectLockEventHoldDuration.*', {'ObjectLockEventHold': 'ON'}),
    ('CreateMultipartUploadRequest', 'ChecksumType', {'ChecksumAlgorithm': 'CRC32'}),
    ('CopyObjectRequest', 'Tagging$', {'TaggingDirective': 'REPLACE'}),
    ('.*Request', 'VersionIdMarker|UploadIdMarker', {'KeyMarker': 'a'}), ('ReplicationRule', 'Filter', {
        'Priority': 1, 'DeleteMarkerReplication': {'Status': 'Disabled'}}),
    ('Grantee', 'EmailAddress', {'Type': 'AmazonCustomerByEmail'}), ('Grantee', 'URI', {'Type': 'Group'}),
    ('Destination', 'Metrics', {'ReplicationTime': {'Status': 'Enabled', 'Time': {'Minutes': 15}}}),
    ('Destination', 'AccessControlTranslation', {'Account': '123456789012'}),
]
# The same for one value of an enumeration.
WITH_VALUE = {
    ('Grantee', 'Type', 'AmazonCustomerByEmail'): {'EmailAddress': '${email}', 'ID': None},
    ('Grantee', 'Type', 'Group'): {'URI': 'http://acs.amazonaws.com/groups/global/AllUsers', 'ID': None},
    ('CopyObjectRequest', 'TaggingDirective', 'REPLACE'): {'Tagging': 'a=b'},
    ('CompleteMultipartUploadRequest', 'ChecksumType', 'FULL_OBJECT'): {'ChecksumCRC32': '${CRC32}'},
    ('CompleteMultipartUploadRequest', 'ChecksumType', 'COMPOSITE'): {'ChecksumCRC32': '${CRC32-1}'},
    **{('CreateMultipartUploadRequest', 'ChecksumType', kind): {'ChecksumAlgorithm': 'CRC32'} for kind in ('COMPOSITE', 'FULL_OBJECT')},
    **{('Transition', 'StorageClass', kind): {'Days': 30} for kind in ('STANDARD_IA', 'ONEZONE_IA')},
}

# Not served: the whole group is 501, and stands in COMPAT.md. Left out of `all` where one member would make all of it 501.
NOT_TOGETHER = re.compile(r'ObjectLockEventHold.*|EventHold.*|DefaultEventHold|MFADelete|WriteOffsetBytes|SelectParameters|OutputLocation'
                          r'|Location$|BucketNamespace')
# KMS, Select and directory buckets (spec): run and judged, but not counted among the positives.
UNCOUNTED = re.compile(r'CreateSession|SelectObjectContent|ListDirectoryBuckets|UpdateObjectEncryption|.*(KMS|Kms|BucketKey|SelectParam|'
                       r'OutputLocation|CreateBucketConfiguration\.(Location\b|Bucket\b)|RestoreRequest\.Type)|.*/aws:(kms|fsx|backup)')


def named(table, op, shape, name):
    for key in (f'{shape}.{name}', f'{op}.{name}', name):
        if key in table:
            return table[key]
    return None


def value(shape, name, op, owner):
    """A value that fits."""
    known = named(VALUES, op, owner, name)
    if known is not None and not (isinstance(known, str) and shape.type_name in ('structure', 'list', 'map')):
        if getattr(shape, 'enum', None) and known not in shape.enum:
            return shape.enum[0]
        return Raw(known) if isinstance(known, str) and shape.type_name == 'timestamp' else copy.deepcopy(known)
    match shape.type_name:
        case 'structure':
            return minimal(shape, op)
        case 'list':
            return [value(shape.member, name, op, owner)]
        case 'map':
            return {'name': 'value'}
        case 'boolean':
            return True
        case 'integer' | 'long' | 'float' | 'double':
            return shape.metadata.get('min', 1) or 1
        case 'timestamp':
            return NEW
        case 'blob':
            return HELLO
    return shape.enum[0] if getattr(shape, 'enum', None) else 'text'


def minimal(shape, op):
    """A structure with what it must have."""
    found = {}
    wanted = list(shape.required_members) + NEEDS.get(shape.name, [])
    payload = shape.serialization.get('payload')
    if payload and payload not in ('AccessControlPolicy', 'CreateBucketConfiguration') and payload not in wanted:
        wanted.append(payload)
    for name in wanted:
        found[name] = value(shape.members[name], name, op, shape.name)
    return found


def excluded(shape, name):
    """Members that do not go with one."""
    for shapes, groups in EXCLUDE:
        if re.fullmatch(shapes, shape.name):
            own = [group for group in groups if re.match(group, name)]
            for group in groups:
                if own and group not in own:
                    yield from (other for other in shape.members if re.match(group, other) and other != name)


def place(shape, inp, path, new, op):
    """Sets the member at a path, with what it needs and without what it excludes."""
    for at, name in enumerate(path):
        for other in excluded(shape, name):
            inp.pop(other, None)
        for shapes, pattern, more in WITH:
            if re.fullmatch(shapes, shape.name) and re.fullmatch(pattern, name):
                inp.update({k: v for k, v in more.items() if k in shape.members})
        member = shape.members[name]
        if at == len(path) - 1:
            more = WITH_VALUE.get((shape.name, name, new) if isinstance(new, str) else None, {})
            inp.update(copy.deepcopy(more))
            inp[name] = value(member, name, op, shape.name) if new is None else new
            for gone in [k for k, v in inp.items() if v is None]:
                del inp[gone]
            return
        if name not in inp:
            inp[name] = value(member, name, op, shape.name)
        inp = inp[name]
        if member.type_name == 'list':
            inp, member = inp[0], member.member
        shape = member


def everything(shape, op, seen=()):
    """A structure with all members that go together."""
    found = {}
    for name, member in shape.members.items():
        gone = set(excluded(shape, name))
        if NOT_TOGETHER.fullmatch(name) or gone & found.keys() or member.name in seen:
            continue
        inner = member.member if member.type_name == 'list' else member
        if inner.type_name == 'structure' and inner.members and named(VALUES, op, shape.name, name) is None:
            whole = everything(inner, op, seen + (member.name,))
            found[name] = [whole] if member.type_name == 'list' else whole
        else:
            found[name] = value(member, name, op, shape.name)
        for shapes, pattern, more in WITH:
            if re.fullmatch(shapes, shape.name) and re.fullmatch(pattern, name):
                found.update({k: v for k, v in copy.deepcopy(more).items() if k in shape.members})
    return found


def members(shape, path=(), seen=()):
    """Every member: its path, itself, the structure that it is in, and whether that requires it."""
    for name, member in shape.members.items():
        yield path + (name,), member, shape, name in shape.required_members
        inner = member.member if member.type_name == 'list' else member
        if inner.type_name == 'structure' and inner.name not in seen:
            yield from members(inner, path + (name,), seen + (inner.name,))


# ----------------------------------------------------------------------------------------------------------------------- cases

CONDITIONS = re.compile(r'.*If(Un)?[Mm]odifiedSince')
# Wrong values that Amazon takes, or ignores, as far as is known: what is asked of such a case is only that nothing breaks.
IGNORED = re.compile(
    r'.*\.(RequestPayer|ChecksumMode|OptionalObjectAttributes|FetchOwner|SkipDestinationValidation|SessionMode|Expires|ResponseExpires'
    r'|ConfirmRemoveSelfBucketAccess|BypassGovernanceRetention|AnnotationDirective|ContentLength|TransitionDefaultMinimumObjectSize)$'
    r'|WriteGetObjectResponse\..*|(CompleteMultipartUpload|CopyObject|UploadPart|PutObject|PutObjectAnnotation)\.ChecksumAlgorithm'
    r'|ListDirectoryBuckets\..*')
# Without the member it is another operation, or the same with its default.
ELSEWHERE = re.compile(
    r'(Abort.*|ListParts|Complete.*|UploadPart.*)\.(UploadId|PartNumber)|.*\.CopySource|(Get|Delete).*\.(Id|AnnotationName)'
    r'|SelectObjectContent\..*|CreateBucketMeta.*|WriteGetObjectResponse.*|.*\.AnnotationPayload|UpdateBucketMeta.*')
# Values of enumerations that Amazon refuses itself where they are asked for (or that it takes only for other kinds of buckets).
REFUSED = re.compile(r'.*/aws:(fsx|backup)|PutObjectAcl/.*ACL/aws-exec-read|.*CopySource.*'
                     r'|.*Configuration.*StorageClass/(OUTPOSTS|SNOW|EXPRESS_ONEZONE|FSX_.*|AWS_BACKUP_.*)')
# Classes that no put may ask for.
NO_CLASS = re.compile(r'(PutObject|CopyObject|CreateMultipartUpload)/StorageClass/(OUTPOSTS|SNOW|EXPRESS_ONEZONE|FSX_.*|AWS_BACKUP_.*)')


def case(op, kind, member, inp, expect, **more):
    """One case. `expect`: `ok`, `error`, `any` (nothing breaks), or a status and a code."""
    name = f's3/{op}/{kind}' + (f'/{member}' if member else '')
    return {'id': name, 'op': op, 'kind': kind, 'input': inp, 'expect': expect, **more}


def generate():
    for op in MODEL.operation_names:
        model = MODEL.operation_model(op)
        yield from (c for c in of_operation(op, model.input_shape))
        for index, example in enumerate(EXAMPLES.get(op, [])):
            yield case(op, 'example', str(index), of_example(op, example.get('input') or {}), 'ok', output=example.get('output') or {})
    yield from of_pairs()
    yield from of_errors()
    yield from of_limits()


def of_operation(op, shape):
    if shape is None:
        yield case(op, 'required', '', {}, 'ok')
        return
    base = minimal(shape, op)

    def at(path, new=None):
        inp = copy.deepcopy(base)
        place(shape, inp, path, new, op)
        return inp

    yield case(op, 'required', '', base, 'ok')
    yield case(op, 'all', '', everything(shape, op), 'ok')
    yield case(op, 'unknown', '', base, 'ok', extra=True)
    for path, member, inside, is_required in members(shape):
        name = '.'.join(path)
        nested = '-nested' if len(path) > 1 else ''
        place_of = member.serialization.get('location')
        dotted = f'{op}.{name}'
        wrong = 'any' if IGNORED.match(dotted) else 'error'
        if not is_required:
            yield case(op, 'optional' + nested, name, at(path), 'ok')
        elif place_of == 'uri':
            yield case(op, 'empty-uri', name, at(path, ''), 'any')
        else:
            yield case(op, 'omit' + nested, name, without(at(path), path), 'any' if ELSEWHERE.match(dotted) else 'error')
        enum = getattr(member.member if member.type_name == 'list' else member, 'enum', None) or []
        wrap = (lambda v: [v]) if member.type_name == 'list' else (lambda v: v)
        for one in enum:
            expect = 'any' if REFUSED.fullmatch(f'{op}/{name}/{one}') or wrong == 'any' else 'ok'
            expect = [400, 'InvalidStorageClass'] if NO_CLASS.fullmatch(f'{op}/{name}/{one}') else expect
            yield case(op, 'enum', f'{name}/{one}', at(path, wrap(one)), expect)
        if enum:
            yield case(op, 'outside', name, at(path, wrap('NOT_A_VALUE_OF_IT')), wrong)
        yield from bounds(op, name, member, at, path, wrong, place_of)
        yield from kinds(op, name, member, at, path, wrong, place_of)
    for index in range(20):
        yield case(op, 'random', str(index), wild(op, shape, base, index), 'any')


def without(inp, path):
    node = inp
    for name in path[:-1]:
        node = node[name]
        node = node[0] if isinstance(node, list) else node
    node.pop(path[-1], None)
    return inp


def bounds(op, name, member, at, path, wrong, place_of):
    low, high, pattern = (member.metadata.get(k) for k in ('min', 'max', 'pattern'))
    is_number = member.type_name in ('integer', 'long')
    if low is not None and place_of != 'uri':
        if is_number or not pattern:
            yield case(op, 'at-min', name, at(path, low if is_number else 'x' * low), 'ok')
        if low > 0:
            yield case(op, 'below-min', name, at(path, low - 1 if is_number else 'x' * (low - 1)), wrong)
    if high is not None:
        if is_number or not pattern:
            yield case(op, 'at-max', name, at(path, high if is_number else value_of_length(path, high)), 'ok')
        yield case(op, 'above-max', name, at(path, high + 1 if is_number else 'x' * (high + 1)), wrong)
    if pattern:
        yield case(op, 'pattern', name, at(path, 'broken'), 'error')


def value_of_length(path, length):
    # A token is the server's own: one of any length is another question.
    return '${token}' if path[-1] == 'ContinuationToken' else 'x' * length


def kinds(op, name, member, at, path, wrong, place_of):
    match member.type_name:
        case 'list':
            one = at(path)
            node = one
            for step in path[:-1]:
                node = node[step][0] if isinstance(node[step], list) else node[step]
            items = node[path[-1]]
            yield case(op, 'list', f'{name}/none', at(path, []), 'any')
            yield case(op, 'list', f'{name}/one', one, 'ok')
            yield case(op, 'list', f'{name}/two', at(path, items + copy.deepcopy(items)), 'any')
        case 'timestamp':
            garbage = 'ok' if CONDITIONS.match(name) else wrong
            for kind, text in (('rfc822', 'Mon, 01 Jan 2001 00:00:00 GMT'), ('iso8601', '2001-01-01T00:00:00Z'), ('epoch', '978307200'),
                               ('garbage', 'not a time')):
                yield case(op, 'timestamp', f'{name}/{kind}', at(path, Raw(text)), garbage if kind == 'garbage' else 'any')
        # A length that is no number is no HTTP: it ends before S3 begins.
        case 'integer' | 'long' if path[-1] != 'ContentLength':
            yield case(op, 'number', f'{name}/text', at(path, Raw('seven')), wrong)
            yield case(op, 'number', f'{name}/beyond', at(path, Raw('99999999999999999999')), wrong)
        case 'boolean':
            yield case(op, 'boolean', f'{name}/text', at(path, Raw('perhaps')), wrong)


STRANGE = ['', ' ', 'a' * 300, 'ü', '日本', 'a+b c', 'a//b', '../x', './a', '%2F', '%', '<x>&"\'', '0', '-1', '*', 'null', 'bytes=-0', '\\',
           '"', 'a=b&c', ',', ';', 'true', '18446744073709551616', 'a' * 1025, '${', "x\u2028y", 'http://[::1']


def wild(op, shape, base, index):
    """An input by chance, the same one every time."""
    dice = random.Random(zlib.crc32(f'{op}/{index}'.encode()))
    inp = copy.deepcopy(base)
    choices = [entry for entry in members(shape) if entry[0] != ('ContentLength',)]
    for path, member, _, _ in dice.sample(choices, min(len(choices), dice.randint(1, 6))):
        if path == ('Bucket',) and dice.random() < .8:
            continue
        scalar = member.type_name not in ('structure', 'list', 'map')
        new = Raw(dice.choice(STRANGE)) if scalar and dice.random() < .7 else None
        if member.type_name == 'blob':
            new = bytes(dice.randrange(256) for _ in range(dice.randrange(64)))
        if member.type_name == 'list' and dice.random() < .3:
            new = []
        try:
            place(shape, inp, path, new, op)
        except (KeyError, TypeError, IndexError, AttributeError):
            continue  # Something above it was replaced.
    return inp


def of_example(op, inp):
    inp = copy.deepcopy(inp)
    for name in ('Bucket', 'Key', 'UploadId', 'VersionId', 'CopySource', 'KeyMarker', 'UploadIdMarker', 'CopySourceRange'):
        if name in inp:
            inp[name] = VALUES[name]
    for entry in inp.get('MultipartUpload', {}).get('Parts', [])[1:]:
        inp['MultipartUpload']['Parts'].remove(entry)
    for entry in inp.get('MultipartUpload', {}).get('Parts', []):
        entry['ETag'] = '${partEtag}'
    for entry, version in zip(inp.get('Delete', {}).get('Objects', []), ('${versionId}', '${olderId}')):
        entry['Key'] = '${key}'
        if 'VersionId' in entry:
            entry['VersionId'] = version
    inp.pop('ContentMD5', None)
    if 'Prefix' in inp:
        inp['Prefix'] = '${key}'
    if inp.get('AccessControlPolicy') == {}:
        inp.pop('AccessControlPolicy')
    for name in GRANTS:
        inp[name] = inp[name] if name in inp and 'uri=' in inp[name] else ('emailaddress=${email}' if name in inp else None)
        if inp[name] is None:
            del inp[name]
    if 'BucketLoggingStatus' in inp:
        inp['BucketLoggingStatus']['LoggingEnabled']['TargetBucket'] = '${bucket}'
    if 'Policy' in inp:
        inp['Policy'] = inp['Policy'].replace('acl3', '${bucket}')
    return inp


def putter(op):
    """The operation that puts what another gets, lists or deletes."""
    what = re.sub(r'^(Get|Delete|List)', '', op)
    for name in (f'Put{what}', f'Put{what}Configuration', f'Put{what}'.removesuffix('s'), f'Put{what}'.removesuffix('Status')):
        if op != name and name in MODEL.operation_names and re.match('Get|Delete|List', op) and name != 'PutObject':
            return name
    return None


def of_pairs():
    for op in MODEL.operation_names:
        put = putter(op)
        if op.startswith('Get') and put and op != 'GetBucketPolicyStatus':
            shape = MODEL.operation_model(put).input_shape
            for how in ('required', 'all'):
                inp = minimal(shape, put) if how == 'required' else everything(shape, put)
                if 'AccessControlPolicy' in shape.members:
                    place(shape, inp, ('AccessControlPolicy',), None, put)
                get = minimal(MODEL.operation_model(op).input_shape, op)
                yield case(op, 'round-trip', f'{put}/{how}', get, 'ok', put=(put, inp))


def of_errors():
    """One for each error shape of an operation, and the recipe for it."""
    for op in MODEL.operation_names:
        model = MODEL.operation_model(op)
        for error in model.error_shapes:
            recipe = dict(RECIPES.get(f'{op}/{error.name}') or RECIPES.get(error.name) or {})
            inp = minimal(model.input_shape, op)
            inp.update(recipe.pop('with', {}))
            status = recipe.pop('status', error.metadata.get('error', {}).get('httpStatusCode', 400))
            yield case(op, 'error', error.name, inp, recipe.pop('expect', [status, error.name]), **recipe)


# `with` goes into the request; `before` are requests that come first; `keep` says what of the world is left out.
RECIPES = {
    'NoSuchBucket': {'with': {'Bucket': 'absent-${bucket}'}}, 'NoSuchKey': {'with': {'Key': 'absent'}},
    'NoSuchUpload': {'with': {'UploadId': '${otherUploadId}'}}, 'NoSuchAnnotation': {'with': {'AnnotationName': 'absent'}},
    'CreateBucket/BucketAlreadyOwnedByYou': {'before': [('CreateBucket', {'Bucket': '${bucket}'})], 'expect': 'ok'},
    'CreateBucket/BucketAlreadyExists': {'before': [('CreateBucket', {'Bucket': '${bucket}'})], 'second': True},
    'GetObject/InvalidObjectState': {'before': [('PutObject', {
        'Bucket': '${bucket}', 'Key': '${key}', 'Body': HELLO, 'StorageClass': 'GLACIER'})]},
    'CopyObject/ObjectNotInActiveTierError': {'before': [('PutObject', {
        'Bucket': '${bucket}', 'Key': 'src', 'Body': HELLO, 'StorageClass': 'GLACIER'})]},
    'RestoreObject/ObjectAlreadyInActiveTierError': {'before': [('PutObject', {
        'Bucket': '${bucket}', 'Key': '${key}', 'Body': HELLO})]},
    'PutObject/InvalidWriteOffset': {'with': {'WriteOffsetBytes': 3}},
    'PutObject/InvalidRequest': {'with': {'ChecksumCRC32': '${CRC32}', 'ChecksumSHA1': '${SHA1}'}},
    'PutObject/TooManyParts': {'before': [('PutObject', {
        'Bucket': '${bucket}', 'Key': '${key}', 'Body': b'', 'WriteOffsetBytes': 5})] * 9_999, 'with': {'WriteOffsetBytes': 5}},
    'PutObject/EncryptionTypeMismatch': {'with': {'WriteOffsetBytes': 5, **CUSTOMER}},
    'PutObjectAnnotation/InvalidRequest': {'with': {'ChecksumCRC32': '${CRC32}', 'ChecksumSHA1': '${SHA1}'}},
    'AnnotationNameTooLong': {'with': {'AnnotationName': 'n' * 513}}, 'InvalidAnnotationName': {'with': {'AnnotationName': 'aws:\x01'}},
    'AnnotationLimitExceeded': {'with': {'AnnotationName': 'another'}, 'before': [('PutObjectAnnotation', {
        'Bucket': '${bucket}', 'Key': '${key}', 'AnnotationName': f'n{number}', 'AnnotationPayload': b'x'}) for number in range(998)]},
    'UnsupportedMediaType': {'with': {'AnnotationPayload': b'\xff\xfe'}},
    'InvalidPrefix': {'with': {'AnnotationPrefix': 'p' * 513}},
    'IdempotencyParameterMismatch': {'before': [
        ('RenameObject', {'Bucket': '${bucket}', 'Key': 'first', 'RenameSource': '${bucket}/${key}', 'ClientToken': 'token-1'})],
        'with': {'ClientToken': 'token-1'}},
    'UpdateObjectEncryption/AccessDenied': {'second': True},
}


def of_limits():
    """Limits that stand in documents only."""
    text, tag = 'x' * 2000, (lambda key, val, many=1: {'TagSet': [{'Key': key + str(n) * bool(n), 'Value': val} for n in range(many)]})
    put = {'Bucket': '${bucket}', 'Key': '${key}', 'Body': HELLO}
    tags = lambda body: {'Bucket': '${bucket}', 'Key': '${key}', 'Tagging': body}
    part = lambda number: {**minimal(MODEL.operation_model('UploadPart').input_shape, 'UploadPart'), 'PartNumber': number}
    names = lambda name: {'Bucket': name}
    many = lambda count: {'Bucket': '${bucket}', 'Delete': {'Objects': [{'Key': f'k{n}'} for n in range(count)]}}
    rows = [
        ('PutObject', 'key-1024', {**put, 'Key': 'k' * 1024}, 'ok'), ('PutObject', 'key-1025', {**put, 'Key': 'k' * 1025}, [400, 'KeyTooLongError']),
        ('PutObject', 'key-utf8-1024', {**put, 'Key': 'é' * 512}, 'ok'), ('PutObject', 'key-utf8-1026', {**put, 'Key': 'é' * 513}, [400, 'KeyTooLongError']),
        ('PutObject', 'metadata-2048', {**put, 'Metadata': {'k' * 48: text}}, 'ok'),
        ('PutObject', 'metadata-2049', {**put, 'Metadata': {'k' * 49: text}}, [400, 'MetadataTooLarge']),
        ('PutObject', 'tags-10', {**put, 'Tagging': '&'.join(f'k{n}=v' for n in range(10))}, 'ok'),
        ('PutObject', 'tags-11', {**put, 'Tagging': '&'.join(f'k{n}=v' for n in range(11))}, 'error'),
        ('PutObjectTagging', 'tags-10', tags(tag('k', 'v', 10)), 'ok'), ('PutObjectTagging', 'tags-11', tags(tag('k', 'v', 11)), 'error'),
        ('PutObjectTagging', 'key-128', tags(tag('k' * 128, 'v')), 'ok'), ('PutObjectTagging', 'key-129', tags(tag('k' * 129, 'v')), [400, 'InvalidTag']),
        ('PutObjectTagging', 'value-256', tags(tag('k', 'v' * 256)), 'ok'),
        ('PutObjectTagging', 'value-257', tags(tag('k', 'v' * 257)), [400, 'InvalidTag']),
        ('PutBucketTagging', 'tags-50', {'Bucket': '${bucket}', 'Tagging': tag('k', 'v', 50)}, 'ok'),
        ('PutBucketTagging', 'tags-51', {'Bucket': '${bucket}', 'Tagging': tag('k', 'v', 51)}, 'error'),
        ('UploadPart', 'part-10000', part(10_000), 'ok'), ('UploadPart', 'part-10001', part(10_001), 'error'),
        ('UploadPart', 'part-0', part(0), 'error'),
        ('CreateBucket', 'name-3', names('b${short}'), 'ok'), ('CreateBucket', 'name-2', names('ab'), [400, 'InvalidBucketName']),
        ('CreateBucket', 'name-63', names('${long}'), 'ok'), ('CreateBucket', 'name-64', names('${long}x'), [400, 'InvalidBucketName']),
        *(('CreateBucket', f'name-{bad}', names(bad), [400, 'InvalidBucketName']) for bad in
          ('Upper', 'under_score', '-first', 'last-', 'a..b', '192.168.5.4', 'xn--a', 'a-s3alias', 'sthree-a', 'a.-b')),
        ('DeleteObjects', 'keys-1000', many(1000), 'ok'), ('DeleteObjects', 'keys-1001', many(1001), [400, 'MalformedXML']),
        ('PutBucketPolicy', 'bytes-20480', {'Bucket': '${bucket}', 'Policy': '${policy20480}'}, 'ok'),
        ('PutBucketPolicy', 'bytes-20481', {'Bucket': '${bucket}', 'Policy': '${policy20480} '}, 'error'),
    ]
    yield from (case(op, 'limit', name, inp, expect) for op, name, inp, expect in rows)


# ----------------------------------------------------------------------------------------------------------------------- worlds

Answer = collections.namedtuple('Answer', 'status headers body')


class Hang(Exception):
    """No answer in time, or a connection that ended."""


class Client:
    """One connection that signs."""

    def __init__(self, endpoint, keys):
        self.endpoint, self.host = endpoint, urllib.parse.urlsplit(endpoint).netloc
        self.credentials = Credentials(*keys)
        self.connection = None

    def call(self, op, inp, extra=False, headers=()):
        """Sends an operation as the model writes it."""
        model = MODEL.operation_model(op)
        request = WRITER.serialize_to_request(inp, model)
        request.setdefault('headers', {}).update(headers)
        self.add_digests(request, model, inp)
        if extra:
            request['headers']['x-amz-nobody-knows'] = 'this'
            request['query_string']['x-amz-nobody-knows'] = 'that'
        prepare_request_dict(request, self.endpoint, context={})
        return self.send(request['method'], request['url'], request['headers'], request['body'])

    def add_digests(self, request, model, inp):
        body = request['body'] if isinstance(request.get('body'), bytes) else (request.get('body') or '').encode()
        request['body'] = body
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        for name in [name for name, value in request['headers'].items() if value == '${md5}']:
            request['headers'][name] = md5
        rules = model.http_checksum or {}
        member = rules.get('requestAlgorithmMember')
        algorithm = inp.get(member) if member else None
        if algorithm in ALGORITHMS and f'Checksum{algorithm}' not in inp:
            request['headers'][f'x-amz-checksum-{algorithm.lower()}'] = checksum(algorithm, body)
        elif rules.get('requestChecksumRequired') or model.http_checksum_required:
            request['headers'].setdefault('Content-MD5', md5)

    def send(self, method, url, headers, body=b''):
        request = AWSRequest(method, url, headers=dict(headers), data=body)
        request.context['client_config'] = None
        S3SigV4Auth(self.credentials, 's3', 'us-east-1').add_auth(request)
        lines = {name: value.encode() if isinstance(value, str) else value for name, value in request.headers.items()}
        if method in ('PUT', 'POST') and 'Content-Length' not in lines:
            lines['Content-Length'] = str(len(body)).encode()
        for attempt in range(2):
            is_new = self.connection is None
            if is_new:
                self.connection = http.client.HTTPConnection(self.host, timeout=30)
            try:
                target = url[len(self.endpoint):] or '/'
                self.connection.putrequest(method, target, skip_accept_encoding=True)
                for name, value in lines.items():
                    self.connection.putheader(name, value)
                self.connection.endheaders(body or None)
                answer = self.connection.getresponse()
                return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
            except (OSError, http.client.HTTPException) as error:
                self.connection.close()
                self.connection = None
                # A connection that was kept may have been closed in between.
                if is_new or isinstance(error, TimeoutError):
                    raise Hang(repr(error)) from None
        raise Hang('no answer')

    def must(self, op, inp, **more):
        answer = self.call(op, inp, **more)
        if answer.status >= 300:
            raise RuntimeError(f'{op} of the world: {answer.status} {answer.body.decode(errors="replace")}')
        return answer


def fill(inp, world):
    """The input, with what the world has in place of its names."""
    if isinstance(inp, dict):
        return {k: fill(v, world) for k, v in inp.items()}
    if isinstance(inp, list):
        return [fill(v, world) for v in inp]
    if isinstance(inp, str):
        return type(inp)(re.sub(r'\$\{([^}]+)\}', lambda m: world.get(m[1], m[0]), inp))
    return inp


NAMES = itertools.count()
LOCKED = re.compile('(Put|Get)Object(LegalHold|Retention|LockConfiguration)')


def build(client, one, shared):
    """Makes the world of a case: what is in it goes by the operation and by the members that are given."""
    op, inp = one['op'], one['input']
    given = set(re.findall(r"'(\w+)':", repr(inp))) | set(re.findall(r"'(\w+)':", repr(one.get('put'))))
    name = f'w{os.getpid()}-{next(NAMES)}'
    world = {**shared, 'bucket': name, 'key': 'k', 'versionId': 'null', 'olderId': 'null', 'token': 'config', 'uploadId': 'none',
             'short': f'{next(NAMES) % 1296:02x}', 'long': (name + '-' + 'l' * 63)[:63]}
    policy = POLICY.replace('${bucket}', name)
    world['policy20480'] = policy + ' ' * (20480 - len(policy))
    if 'Bucket' not in inp or op == 'CreateBucket':
        if op in ('ListBuckets', 'ListDirectoryBuckets'):
            client.must('CreateBucket', {'Bucket': name})
            client.must('CreateBucket', {'Bucket': name + '-2'})
            first = client.must('ListBuckets', {'MaxBuckets': 1})
            world['token'] = re.search(b'<ContinuationToken>([^<]+)', first.body)[1].decode()
        for before, more in one.get('before', ()):
            client.must(before, fill(more, world))
        return world
    is_example = one['kind'] == 'example'
    is_locked = bool(LOCKED.match(op)) or any(name.startswith(('ObjectLock', 'BypassG')) for name in given)
    bucket = {'Bucket': name, 'ObjectLockEnabledForBucket': True} if is_locked else {'Bucket': name}
    if is_example:
        bucket['CreateBucketConfiguration'] = {'LocationConstraint': 'us-west-2'}
    client.must('CreateBucket', bucket)
    if not is_locked and (given & {'VersionId', 'VersionIdMarker'} or 'Replication' in op or is_example):
        client.must('PutBucketVersioning', {'Bucket': name, 'VersioningConfiguration': {'Status': 'Enabled'}})
    if op == 'DeleteBucket':
        return world
    if 'Key' in inp or op.startswith(('List', 'DeleteObjects')):
        objects(client, world, op, inp, given)
    if 'UploadId' in MODEL.operation_model(op).input_shape.members or 'Upload' in op:
        upload(client, world, op, inp, given)
    put = putter(op)
    if one.get('put'):
        client.must(one['put'][0], fill(one['put'][1], world))
    elif put and (op.startswith(('Get', 'Delete')) or is_example) and MODEL.operation_model(put).input_shape:
        whole = minimal(MODEL.operation_model(put).input_shape, put)
        if is_example and op.startswith('Get') and one['output']:
            whole.update(as_put(put, one['output']))
        client.call(put, fill(whole, world))
    if 'ContinuationToken' in given and op != 'ListBuckets':
        more = {k: 1 for k in ('MaxKeys', 'MaxAnnotationResults') if k in MODEL.operation_model(op).input_shape.members}
        first = client.call(op, fill({**minimal(MODEL.operation_model(op).input_shape, op), **more}, world))
        token = re.search(b'<NextContinuationToken>([^<]+)', first.body)
        world['token'] = token[1].decode() if token else 'config'
    for before, more in one.get('before', ()):
        client.must(before, fill(more, world))
    return world


def as_put(put, output):
    """What a documented answer shows, as it was put."""
    shape = MODEL.operation_model(put).input_shape
    payload = shape.serialization['payload']
    output = copy.deepcopy(output.get(payload, output))
    if put == 'PutBucketPolicy':
        return {'Policy': re.sub('arn:aws:s3:::[^/"]*', 'arn:aws:s3:::${bucket}', output)}
    for inner in output.values():
        if isinstance(inner, dict) and 'Event' in inner:
            inner.pop('Events')
    if shape.members[payload].type_name != 'structure' or 'AccessControlPolicy' in shape.members:
        return {}
    return {payload: {name: inner for name, inner in output.items() if name in shape.members[payload].members}}


def objects(client, world, op, inp, given):
    put = {'Bucket': world['bucket'], 'Key': 'k', 'Body': HELLO, 'ContentType': 'text/plain'}
    if op in ('GetObject', 'HeadObject', 'GetObjectAttributes') and given & CUSTOMER.keys():
        put.update(CUSTOMER)
    if op == 'RestoreObject':
        put['StorageClass'] = 'GLACIER'
    is_fresh = inp.get('IfNoneMatch') == '*' or op == 'RenameObject' and 'DestinationIfNoneMatch' in given
    if not is_fresh:
        world['olderId'] = client.must('PutObject', put).headers.get('x-amz-version-id', 'null')
        stored = client.must('PutObject', {**put, 'Tagging': 'a=b'})
        world['versionId'] = stored.headers.get('x-amz-version-id', 'null')
    if op.startswith('List'):
        client.must('PutObject', {**put, 'Key': 'k2'})
        client.must('PutObject', {**put, 'Key': 'k3'})
    copied = {'Bucket': world['bucket'], 'Key': 'src', 'Body': HELLO}
    source = client.must('PutObject', {**copied, **(CUSTOMER if given & COPY_CUSTOMER.keys() else {})})
    world['etag'] = source.headers['etag'] if op != 'UploadPart' else '"x"'
    if not is_fresh:
        world['etag'] = stored.headers['etag']
    head = client.call('HeadObject', {'Bucket': world['bucket'], 'Key': 'src'})
    world['lastModified'] = head.headers.get('last-modified', '')
    if 'Annotation' in op or op.startswith('ListObjectAnn'):
        client.must('PutObjectAnnotation', {'Bucket': world['bucket'], 'Key': 'k', 'AnnotationName': 'note', 'AnnotationPayload': HELLO})
        client.must('PutObjectAnnotation', {'Bucket': world['bucket'], 'Key': 'k', 'AnnotationName': 'nota', 'AnnotationPayload': HELLO})


def upload(client, world, op, inp, given):
    """An upload in progress with two parts, and one that is no more."""
    make = {'Bucket': world['bucket'], 'Key': 'k'}
    customer = CUSTOMER if given & CUSTOMER.keys() else {}
    named = [SUMS[name] for name in SUMS if name in given]
    if op != 'UploadPart' and named:
        make['ChecksumAlgorithm'] = named[0]
    if 'ChecksumType' in given:
        make.update(ChecksumType=str(inp.get('ChecksumType')), ChecksumAlgorithm=(named or ['CRC32'])[0])
        if make['ChecksumType'] not in ('COMPOSITE', 'FULL_OBJECT'):
            del make['ChecksumType']
    made = {}
    for which in ('otherUploadId', 'uploadId'):
        answer = client.must('CreateMultipartUpload', {**make, **customer})
        made[which] = re.search(b'<UploadId>([^<]+)', answer.body)[1].decode()
    world.update(made)
    client.must('AbortMultipartUpload', {'Bucket': world['bucket'], 'Key': 'k', 'UploadId': made['otherUploadId']})
    for number in range(3):
        client.must('CreateMultipartUpload', {'Bucket': world['bucket'], 'Key': f'm{number}'})
    for number in (1, 2):
        part = {'Bucket': world['bucket'], 'Key': 'k', 'UploadId': made['uploadId'], 'PartNumber': number, 'Body': HELLO, **customer}
        if 'ChecksumAlgorithm' in make:
            part['ChecksumAlgorithm'] = make['ChecksumAlgorithm']
        world['partEtag'] = client.must('UploadPart', part).headers['etag']
    listed = client.call('ListMultipartUploads', {'Bucket': world['bucket']})
    began = re.search(b'<Initiated>([^<]+)', listed.body)[1].decode()
    world['initiated'] = time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.strptime(began[:19], '%Y-%m-%dT%H:%M:%S'))


def picture(client, one, inp, world):
    """What a refused request must leave as it was."""
    if 'Bucket' not in inp or one['op'] == 'CreateBucket':
        return [client.call('ListBuckets', {'Prefix': world['bucket']}).status]
    bucket = {'Bucket': world['bucket']}
    answers = [client.call('ListObjectVersions', bucket), client.call('ListMultipartUploads', bucket)]
    template = MODEL.operation_model(one['op']).http['requestUri']
    path = template.replace('{Bucket}', world['bucket']).replace('{Key+}', 'k')
    answers.append(client.send('GET', client.endpoint + path, {}))
    volatile = rb'<(RequestId|HostId)>[^<]*'
    return [(answer.status, re.sub(volatile, b'', answer.body)) for answer in answers]


# ----------------------------------------------------------------------------------------------------------------------- judges

# Codes of Amazon's list ("Error responses" of the API reference) that a server of this kind may answer.
CODES = set('''AccessControlListNotSupported AccessDenied AnnotationLimitExceeded AnnotationNameTooLong AuthorizationHeaderMalformed BadDigest
BadRequest BucketAlreadyExists BucketAlreadyOwnedByYou BucketNotEmpty ConditionalRequestConflict EncryptionTypeMismatch EntityTooLarge
EntityTooSmall IdempotencyParameterMismatch IllegalLocationConstraintException IllegalVersioningConfigurationException IncompleteBody
InvalidAnnotationName InvalidArgument InvalidBucketAclWithObjectOwnership InvalidBucketName InvalidBucketState InvalidDigest
InvalidEncryptionAlgorithmError InvalidLocationConstraint InvalidObjectState InvalidPart InvalidPartNumber InvalidPartOrder
InvalidPolicyDocument InvalidPrefix InvalidRange InvalidRequest InvalidRetentionPeriod InvalidStorageClass InvalidTag
InvalidTargetBucketForLogging InvalidURI InvalidWriteOffset KeyTooLongError MalformedACLError MalformedPolicy MalformedXML
MaxMessageLengthExceeded MetadataTooLarge MethodNotAllowed MissingContentLength MissingRequestBodyError MissingSecurityHeader
NoSuchAnnotation NoSuchBucket NoSuchBucketPolicy NoSuchCORSConfiguration NoSuchConfiguration NoSuchKey NoSuchLifecycleConfiguration
NoSuchObjectLockConfiguration NoSuchPublicAccessBlockConfiguration NoSuchTagSet NoSuchUpload NoSuchVersion NoSuchWebsiteConfiguration
NotImplemented ObjectAlreadyInActiveTierError ObjectLockConfigurationNotFoundError ObjectNotInActiveTierError OperationAborted
OwnershipControlsNotFoundError PreconditionFailed ReplicationConfigurationNotFoundError RequestHeaderSectionTooLarge RequestIsNotMultiPartContent
RestoreAlreadyInProgress ServerSideEncryptionConfigurationNotFoundError SignatureDoesNotMatch TooManyBuckets TooManyParts TooManyTags
UnexpectedContent UnresolvableGrantByEmailAddress UnsupportedMediaType XAmzContentSHA256Mismatch'''.split())
# What Amazon answers where the model says 200.
STATUSES = {'PutBucketTagging': {204}, 'PutBucketPolicy': {204}, 'GetObject': {206}, 'HeadObject': {206}, 'RestoreObject': {202},
            'DeleteObject': {204}}


def code_of(answer, method):
    """The code of an error document; raises for one that is none."""
    if answer.status == 304 or method == 'HEAD':
        if answer.body:
            raise ValueError('a body where there is to be none')
        return ''
    root = ElementTree.fromstring(answer.body)
    found = {child.tag: child.text for child in root}
    if root.tag != 'Error' or not found.get('Code') or not found.get('Message') or not found.get('RequestId'):
        raise ValueError(f'not an error document: {answer.body[:200]!r}')
    if found['Code'] not in CODES and answer.status < 500:
        raise ValueError(f'{found["Code"]} is not on the list of codes')
    return found['Code']


def read(op, answer):
    """The answer as botocore reads it; raises where it is not what the model says."""
    shape = MODEL.operation_model(op).output_shape
    if shape is None:
        return {}
    found = PARSER.parse({'status_code': answer.status, 'headers': HeadersDict(answer.headers), 'body': answer.body}, shape)
    if op == 'GetBucketLocation':
        # The model does not say that the answer's root is the member; botocore's client knows it by itself.
        found['LocationConstraint'] = ElementTree.fromstring(answer.body).text or ''
    payload = shape.serialization.get('payload')
    if answer.body and not (payload and shape.members[payload].type_name in ('blob', 'string')):
        ElementTree.fromstring(answer.body)
    check(shape, {k: v for k, v in found.items() if k != 'ResponseMetadata'}, '')
    return found


def check(shape, found, name):
    if shape.type_name == 'structure':
        for member, inner in found.items():
            check(shape.members[member], inner, member)
    elif shape.type_name == 'list':
        for inner in found:
            check(shape.member, inner, name)
    elif getattr(shape, 'enum', None) and found not in shape.enum and name != 'LocationConstraint':
        raise ValueError(f'{name}: {found!r} is not in its enumeration')
    elif name == 'ETag' and not re.fullmatch(r'"?[0-9a-f]{32}(-\d+)?"?', found):
        raise ValueError(f'ETag {found!r}')
    elif name in SUMS and not re.fullmatch(r'[A-Za-z0-9+/]+=*(-\d+)?', found):
        raise ValueError(f'{name} {found!r}')


def contains(wanted, found, path=''):
    """Whether all that was put is there."""
    if isinstance(wanted, dict):
        for name, inner in wanted.items():
            if not isinstance(found, dict) or name not in found:
                raise ValueError(f'{path}.{name} did not come back')
            contains(inner, found[name], f'{path}.{name}')
    elif isinstance(wanted, list):
        if len(wanted) != len(found):
            raise ValueError(f'{path} came back with {len(found)} entries')
        for index, inner in enumerate(wanted):
            contains(inner, found[index], f'{path}[{index}]')
    elif wanted != found:
        raise ValueError(f'{path}: {wanted!r} came back as {found!r}')


def came_back(one, found, world):
    put, inp = one['put']
    model = MODEL.operation_model(put).input_shape
    payload = model.serialization['payload']
    wanted = fill(inp, world)[payload]
    if one['op'] == 'GetBucketPolicy':
        wanted, found = json.loads(wanted), {'Policy': json.loads(found['Policy'])}
    if isinstance(wanted, bytes):
        wanted = wanted.decode()
    contains({k: v for k, v in wanted.items()} if isinstance(wanted, dict) else wanted, found.get(payload, found))


# Documented, and not so by the documents themselves: NextMarker comes only with a delimiter.
UNTRUE = {'NextMarker'}


def documented(wanted, found, path=''):
    """Whether every member of a documented answer is there, with its type."""
    for name, inner in wanted.items():
        if f'{path}{name}' in UNTRUE:
            continue
        if name not in found:
            raise ValueError(f'{path}{name} is documented and missing')
        if isinstance(inner, dict):
            documented(inner, found[name], f'{path}{name}.')
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            if not found[name]:
                raise ValueError(f'{path}{name} is empty')
            documented(inner[0], found[name][0], f'{path}{name}[0].')


def judge(one, answer, world):
    """`passed`, `missing` (501) or `failed`, the code, and why."""
    op = one['op']
    model = MODEL.operation_model(op)
    expect = one['expect']
    code = ''
    try:
        if answer.status >= 300:
            code = code_of(answer, model.http['method'])
    except (ValueError, ElementTree.ParseError) as error:
        return 'failed', code, f'{answer.status}: {error}'
    if answer.status == 501 and code in ('NotImplemented', ''):
        # By chance, or without a name in the path, another operation may be asked for.
        return ('passed' if one['kind'] in ('random', 'empty-uri') else 'missing'), code, 'not implemented'
    if answer.status >= 500:
        return 'failed', code, f'{answer.status} {answer.body[:200]!r}'
    told = f'{answer.status} {code} {message(answer)}'
    if isinstance(expect, list):
        is_head = model.http['method'] == 'HEAD'
        right = answer.status == expect[0] and (is_head or code == expect[1])
        return ('passed', code, '') if right else ('failed', code, f'{told}, not {expect}')
    if expect == 'error':
        return ('passed', code, '') if 400 <= answer.status < 500 else ('failed', code, f'{answer.status} and not an error')
    if answer.status >= 300:
        return ('passed', code, '') if expect == 'any' else ('failed', code, told)
    if expect == 'any':
        return 'passed', code, ''
    try:
        if answer.status != (model.http.get('responseCode') or 200) and answer.status not in STATUSES.get(op, ()):
            raise ValueError(f'status {answer.status}')
        found = read(op, answer)
        if one.get('put'):
            came_back(one, found, world)
        if one['kind'] == 'example':
            documented(one['output'] or {}, found)
    except (ValueError, KeyError, TypeError, ElementTree.ParseError, parsers.ResponseParserError) as error:
        return 'failed', code, f'{answer.status}: {error}'
    return 'passed', code, ''


def message(answer):
    found = re.search(b'<Message>([^<]*)', answer.body)
    return found[1].decode(errors='replace') if found else ''


# ----------------------------------------------------------------------------------------------------------------------- runner

POSITIVE = ('required', 'all', 'unknown', 'optional', 'optional-nested', 'enum', 'at-min', 'at-max', 'example', 'round-trip')


def ask(client, second, one, shared):
    world = build(client, one, shared)
    inp = fill(one['input'], world)
    is_refusal = one['expect'] == 'error' or isinstance(one['expect'], list)
    before = picture(client, one, inp, world) if is_refusal and 'before' not in one else None
    sender = second if one.get('second') else client
    answer = sender.call(one['op'], inp, one.get('extra', False), one.get('headers', ()))
    verdict, code, why = judge(one, answer, world)
    if before is not None and verdict == 'passed' and picture(client, one, inp, world) != before:
        verdict, why = 'failed', f'{answer.status} {code}, and something changed'
    return answer.status, verdict, code, why


def run(one):
    began = time.monotonic()
    status, code = 0, ''
    try:
        status, verdict, code, why = ask(CLIENT, SECOND, one, SHARED)
        if TWICE and verdict == 'passed' and ask(CLIENT, SECOND, one, SHARED)[0] != status:
            verdict, why = 'failed', 'the second time it has another status'
    except Hang as error:
        verdict, why = 'failed', f'no answer: {error}'
    except (UnicodeEncodeError, ValueError) as error:
        # What no client can send is no case.
        verdict, why = ('passed', '') if one['kind'] == 'random' else ('failed', f'cannot be sent: {error!r}')
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        verdict, why = ('passed', '') if one['kind'] == 'random' and not isinstance(error, RuntimeError) else ('failed', f'{error!r}')
    counted = is_positive(one) and not UNCOUNTED.match(one['id'][3:]) and not UNCOUNTED.match(one['id'][3:].replace('/', '.'))
    return {'id': one['id'], 'op': one['op'], 'kind': one['kind'], 'counted': counted, 'status': status, 'code': code,
            'verdict': verdict, 'why': why, 'ms': round(1000 * (time.monotonic() - began))}


def is_positive(one):
    return one['expect'] == 'ok' and one['kind'] in POSITIVE


def begin(endpoint, keys, second, shared, twice):
    global CLIENT, SECOND, SHARED, TWICE
    CLIENT, SECOND, SHARED, TWICE = Client(endpoint, keys), Client(endpoint, second), shared, twice


def prepare(client):
    """A second user, and who the first one is."""
    user = {'name': 'second', 'email': 'second@example.com', 'access_key': 'SECONDACCESSKEY00000', 'secret_key': 'secret of the second'}
    made = client.send('POST', client.endpoint + '/_dolmen/admin/users', {'Content-Type': 'application/json'}, json.dumps(user).encode())
    if made.status not in (200, 201, 409):
        raise SystemExit(f'the second user: {made.status} {made.body}')
    owner = re.search(b'<ID>([^<]*)', client.must('ListBuckets', {}).body)[1].decode()
    sums = {name: checksum(name, HELLO) for name in ALGORITHMS}
    whole = {f'{name}-1': checksum(name, base64.b64decode(text)) + '-1' for name, text in sums.items()}
    return {'owner': owner, 'email': user['email'], **sums, **whole}, (user['access_key'], user['secret_key'])


def table(results):
    """Per operation and kind: passed / all."""
    kinds = list(dict.fromkeys(result['kind'] for result in results))
    counts = collections.defaultdict(lambda: [0, 0, 0])
    for result in results:
        for key in ((result['op'], result['kind']), ('all', result['kind'])):
            counts[key][0] += result['verdict'] == 'passed'
            counts[key][1] += 1
            counts[key][2] += result['verdict'] == 'missing'
    show = lambda passed, all_, missing: '' if not all_ else f'{passed}/{all_}' + (f' ({missing} 501)' if missing else '')
    yield '| operation | ' + ' | '.join(kinds) + ' |'
    yield '|' + '---|' * (len(kinds) + 1)
    for op in ['all'] + sorted({result['op'] for result in results}):
        yield f'| {op} | ' + ' | '.join(show(*counts[op, kind]) for kind in kinds) + ' |'


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument('--endpoint', required=True)
    parse.add_argument('--keys', nargs=2, required=True)
    parse.add_argument('--only', default='*')
    parse.add_argument('--results')
    parse.add_argument('--table')
    parse.add_argument('--cases')
    parse.add_argument('--twice', action='store_true')
    parse.add_argument('--workers', type=int, default=2)
    args = parse.parse_args()
    cases = [one for one in generate() if fnmatch.fnmatch(one['id'], args.only)]
    if args.cases:
        with open(args.cases, 'w', encoding='utf-8') as file:
            file.writelines(json.dumps(one, default=str, ensure_ascii=False) + '\n' for one in cases)
    shared, second = prepare(Client(args.endpoint, args.keys))
    with multiprocessing.Pool(args.workers, begin, (args.endpoint, args.keys, second, shared, args.twice)) as pool:
        results = pool.map(run, cases, chunksize=8)
    if args.results:
        with open(args.results, 'w', encoding='utf-8') as file:
            file.writelines(json.dumps(result, ensure_ascii=False) + '\n' for result in results)
    if args.table:
        with open(args.table, 'w', encoding='utf-8') as file:
            file.writelines(line + '\n' for line in table(results))
    counts = collections.Counter(result['verdict'] for result in results)
    positives = collections.Counter(result['verdict'] for result in results if result['counted'])
    print(f'botocore {botocore.__version__}: {len(results)} cases, {counts["passed"]} passed, {counts["missing"]} not implemented, '
          f'{counts["failed"]} failed')
    print(f'positives that count: {sum(positives.values())}, {positives["passed"]} passed, {positives["missing"]} not implemented, '
          f'{positives["failed"]} failed')
    for result in results:
        if result['verdict'] != 'passed':
            print(result['verdict'].upper(), result['id'], '-', result['why'])


if __name__ == '__main__':
    main()
