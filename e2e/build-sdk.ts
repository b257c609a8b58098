import { buildAgent, buildSdk } from '@aircheck/testkit';

/** The pages of the tests load the SDK as apps do: built. The PC agent is installed as participants do. */
export default function setup(): void {
  buildSdk();
  buildAgent();
}
