import { buildSdk } from '@aircheck/testkit';

/** The pages of the tests load the SDK as apps do: built. */
export default function setup(): void {
  buildSdk();
}
