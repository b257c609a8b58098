import type { ReadStream } from 'node:fs';
import { Upload as TusUpload, type UploadOptions } from 'tus-js-client';

/** Uploads with tus-js-client. @returns the upload's id @throws the client's error */
export async function uploadFile(
  url: string,
  authorization: string,
  content: Buffer | ReadStream,
  metadata: Record<string, string>,
  options: UploadOptions = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const upload = new TusUpload(content, {
    endpoint: `${url}/v1/uploads`,
    headers: { authorization },
    retryDelays: [],
    metadata,
    onSuccess: () => resolve(),
    onError: reject,
    ...options,
  });
  upload.start();
  await promise;
  return upload.url!.slice(upload.url!.lastIndexOf('/') + 1);
}
