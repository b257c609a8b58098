import { AircheckError, type AssetSort, StorableText } from '@aircheck/protocol';
import { z } from 'zod';

/** Place in a list of files: what it is sorted by, and of the last file seen the value and the id. */
export interface AssetCursor {
  readonly sort: AssetSort;
  readonly value: number | string;
  readonly fileId: string;
}

export function encodeAssetCursor({ sort, value, fileId }: AssetCursor): string {
  return Buffer.from(JSON.stringify([sort, value, fileId])).toString('base64url');
}

/**
 * @param sort - of the list that it is to go on with
 * @throws AircheckError `request-invalid` for what {@link encodeAssetCursor} did not make, or made for another order
 */
export function decodeAssetCursor(text: string, sort: AssetSort): AssetCursor {
  const value = sort.endsWith('fileName') ? StorableText.max(200) : z.number();
  try {
    const json: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    const [, at, fileId] = z.tuple([z.literal(sort), value, StorableText.max(20)]).parse(json);
    return { sort, value: at, fileId };
  } catch (cause) {
    throw new AircheckError('request-invalid', 'cursor is not one that this list answered with', {
      cause,
      input: 'query.cursor',
      hint: 'Go on with the same sort and filter, or begin anew without a cursor',
    });
  }
}
