import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');
const withoutIndent = (text: string) => text.replace(/^ +/gm, '').trim();

it.each(['Android', 'iOS'])('the guide has the %s sample as a browser runs it', (system) => {
  const block = new RegExp(`^${system}:\\n\\n\`\`\`ts\\n(.*?)\`\`\``, 'ms').exec(
    read('docs/guides/from-ilivesdk.md'),
  )?.[1];
  expect(withoutIndent(read('e2e/ilive-samples.ts'))).toContain(withoutIndent(block ?? 'no sample'));
});
