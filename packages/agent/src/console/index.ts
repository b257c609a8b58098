export { AgentConsole } from './agent-console.ts';
export type { AgentView } from './render-page.ts';
export { systemLocale, type Texts, textsFor } from './texts.ts';
