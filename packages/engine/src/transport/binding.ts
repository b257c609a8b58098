import {
  buildStunMessage,
  errorCode,
  hasIntegrity,
  type StunMessage,
  stunAttribute,
  stunMethodBinding,
  xorMappedAddress,
} from './stun/index.ts';

/** What a connectivity check was answered with, or why it was refused. */
export type BindingAnswer =
  | { readonly accepted: true; readonly response: Buffer }
  | { readonly accepted: false; readonly response: Buffer };

/**
 * Answers a connectivity check as the controlled, lite side (RFC 8445 §7.3, RFC 8489 §9.1.3).
 * @param password - of the local credentials that USERNAME names; `undefined` when it names none
 */
export function answerBinding(
  request: StunMessage,
  password: string | undefined,
  address: string,
  port: number,
): BindingAnswer {
  const { transactionId } = request;
  const refuse = (
    code: number,
    reason: string,
    extra: readonly (readonly [number, Uint8Array])[] = [],
    key?: string,
  ) => ({
    accepted: false as const,
    response: buildStunMessage({
      class: 'error',
      transactionId,
      attributes: [[stunAttribute.errorCode, errorCode(code, reason)], ...extra],
      ...(key !== undefined && { password: key }),
    }),
  });
  if (request.method !== stunMethodBinding || request.username === undefined || request.integrityOffset === undefined) {
    return refuse(400, 'Bad Request');
  }
  if (password === undefined || !hasIntegrity(request, password)) return refuse(401, 'Unauthenticated');
  if (request.unknownAttributes.length > 0) {
    const list = Buffer.alloc(2 * request.unknownAttributes.length);
    request.unknownAttributes.forEach((type, index) => {
      list.writeUInt16BE(type, 2 * index);
    });
    return refuse(420, 'Unknown Attribute', [[stunAttribute.unknownAttributes, list]], password);
  }
  // A lite agent is never controlling, so the other side has to give way (RFC 8445 §7.3.1.1).
  if (request.iceControlled) return refuse(487, 'Role Conflict', [], password);
  const response = buildStunMessage({
    class: 'success',
    transactionId,
    attributes: [[stunAttribute.xorMappedAddress, xorMappedAddress(address, port, transactionId)]],
    password,
  });
  return { accepted: true, response };
}
