export { type Identifiers, randomIdentifiers } from './identifiers.ts';
export { Sfu } from './sfu.ts';
