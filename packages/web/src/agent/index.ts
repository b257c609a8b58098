export { agentStatusOf } from '@aircheck/protocol/agent-door';
export {
  type AgentCall,
  AgentClient,
  type AgentClientEvents,
  type AgentClientOptions,
  type AgentState,
  type StartRecordMp4Options,
} from './agent-client.ts';
export type { SecretStorage } from './agent-secrets.ts';
