export { decidePath, type PathSystem, thisFileSystem } from './path-policy.ts';
export type { FileKind } from './requested-path.ts';
