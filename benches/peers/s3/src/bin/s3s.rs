//! s3s-fs as a server whose puts are durable, if it is asked for: `s3s [--sync] PORT ACCESS SECRET DIR`.
//!
//! s3s-fs writes a temporary file and renames it. With `--sync` a put is answered when the object's file and its directory are synced, on one
//! of tokio's threads that may wait; the file of its digests beside it is not. Without, everything is as s3s-fs has it.

use std::fs::File;
use std::path::{Path, PathBuf};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

struct Synced {
    inner: FileSystem,
    root: PathBuf,
    syncs: bool,
}

macro_rules! as_it_is {
    ($($name:ident: $input:ty => $output:ty),* $(,)?) => {
        #[async_trait::async_trait]
        impl S3 for Synced {
            $(async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.inner.$name(request).await
            })*

            async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
                let path = self.root.join(&request.input.bucket).join(&request.input.key);
                let answer = self.inner.put_object(request).await?;
                if self.syncs {
                    let synced = tokio::task::spawn_blocking(move || sync(&path)).await;
                    synced.map_err(S3Error::internal_error)?.map_err(S3Error::internal_error)?;
                }
                Ok(answer)
            }
        }
    };
}

as_it_is! {
    create_bucket: CreateBucketInput => CreateBucketOutput,
    get_object: GetObjectInput => GetObjectOutput,
    head_object: HeadObjectInput => HeadObjectOutput,
    delete_object: DeleteObjectInput => DeleteObjectOutput,
    list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
    create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput,
    upload_part: UploadPartInput => UploadPartOutput,
    list_parts: ListPartsInput => ListPartsOutput,
    complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput,
}

fn sync(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()?;
    File::open(path.parent().expect("an object is in a bucket"))?.sync_all()
}

#[tokio::main]
async fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let syncs = args.first().is_some_and(|arg| arg == "--sync");
    args.drain(..usize::from(syncs));
    let [port, access, secret, root] = args.try_into().expect("[--sync] PORT ACCESS SECRET DIR");
    let inner = FileSystem::new(&root).expect("a directory");
    let mut builder = S3ServiceBuilder::new(Synced { inner, root: root.into(), syncs });
    builder.set_auth(SimpleAuth::from_single(access, secret));
    let service = builder.build();
    let port = port.parse::<u16>().expect("a port");
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    let server = Builder::new(TokioExecutor::new());
    loop {
        let (socket, _) = listener.accept().await.expect("a connection");
        let connection = server.serve_connection(TokioIo::new(socket), service.clone()).into_owned();
        tokio::spawn(async move { drop(connection.await) });
    }
}
