/** What browsers and Node.js have and React Native's engine, Hermes, has not. */
const missing = [
  [Promise, 'withResolvers'],
  [URL, 'canParse'],
  [AbortSignal, 'any'],
  [AbortSignal, 'timeout'],
  [globalThis, 'DOMException'],
  [globalThis, 'TextDecoder'],
  [globalThis, 'DecompressionStream'],
  [globalThis, 'document'],
] as const satisfies readonly (readonly [object, string])[];

/**
 * Takes it all away. What is to be held to Hermes has to be loaded afterwards.
 * @returns a function that puts it back
 */
export function becomeHermes(): () => void {
  const former = missing.map(([owner, name]) => Object.getOwnPropertyDescriptor(owner, name));
  for (const [owner, name] of missing) Reflect.deleteProperty(owner, name);
  return () => {
    for (const [index, [owner, name]] of missing.entries()) {
      if (former[index] !== undefined) Object.defineProperty(owner, name, former[index]);
    }
  };
}
