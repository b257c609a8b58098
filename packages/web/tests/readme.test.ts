import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

test('the example in the README is the one that the compiler has checked', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1];
  const compiled = readFileSync(new URL('./readme-example.ts', import.meta.url), 'utf8')
    .replace(/^\/\*.*?\*\/\n/s, '')
    .replace(/^declare .*\n+/gm, '');
  expect(compiled).toBe(example);
});
