import { expect, it } from 'vitest';
import { AircheckError, type ErrorCode, errorKinds } from '../src/index.ts';

const faults = { caller: 'the caller', destination: 'a disk or another system', service: 'the service' } as const;

function errorTable(): string {
  const rows = Object.entries(errorKinds)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([code, kind]) => {
      const vendorCode = 'vendorCode' in kind ? String(kind.vendorCode) : '';
      return `| \`${code}\` | ${kind.status} | ${vendorCode} | ${faults[kind.fault]} | ${kind.retryable ? 'yes' : 'no'} | ${kind.title} |`;
    });
  return `# Errors

Every error is answered as \`application/problem+json\` (RFC 9457) with \`code\`, which is the contract, and \`vendorCode\`,
the number that Tencent's ILiveSDK has for the same condition, where it has one. \`input\` names what was wrong and
\`hint\` what to do. The table is made from \`packages/protocol/src/errors.ts\` (\`npx vitest run packages/protocol -u\`).

| code | status | vendor's number | whose fault | worth a retry | meaning |
|---|--:|--:|---|---|---|
${rows.join('\n')}
`;
}

it('lists every error code in the reference', async () => {
  await expect(errorTable()).toMatchFileSnapshot('../../../docs/reference/errors.md');
});

it('keeps code, numbers and hints over the wire', () => {
  const error = new AircheckError('recording-exists', 'ann is being recorded', {
    input: 'body.userId',
    hint: 'stop it',
  });
  const problem = JSON.parse(JSON.stringify(error.toProblem()));
  expect(problem).toMatchObject({ status: 409, vendorCode: 30000415, code: 'recording-exists', hint: 'stop it' });
  const back = AircheckError.fromProblem(problem);
  expect(back).toMatchObject({ code: error.code, message: error.message, input: error.input, hint: error.hint });
});

it('reads an unknown code as an internal error', () => {
  const problem = { ...new AircheckError('internal', 'x').toProblem(), code: 'from-the-future' as ErrorCode };
  expect(AircheckError.fromProblem(problem).code).toBe('internal');
});
