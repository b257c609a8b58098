import { AircheckError, RestClient } from '@aircheck/web';
import { useQuery } from '@tanstack/react-query';

/** The REST API with the console's session cookie. */
export const consoleApi = new RestClient({ baseUrl: '', fetch: window.fetch.bind(window) });

export const queryKeys = {
  session: ['session'] as const,
  rooms: ['rooms'] as const,
  room: (roomId: string) => ['room', roomId] as const,
  assets: (filter: object) => ['assets', filter] as const,
  asset: (fileId: string) => ['asset', fileId] as const,
  derivatives: (fileId: string) => ['derivatives', fileId] as const,
  playUrls: (fileId: string) => ['play-urls', fileId] as const,
  recordingPlayUrls: (recordingId: string) => ['recording-play-urls', recordingId] as const,
  commonRenditions: (recordingId: string) => ['common-renditions', recordingId] as const,
  classes: ['classes'] as const,
  templates: ['templates'] as const,
  procedures: ['procedures'] as const,
  settings: ['settings'] as const,
  retentionRules: ['retention-rules'] as const,
  statistics: ['statistics'] as const,
  jobs: (filter: object) => ['jobs', filter] as const,
  subscribers: ['subscribers'] as const,
  deliveries: (filter: object) => ['deliveries', filter] as const,
  events: (filter: object) => ['events', filter] as const,
};

export type SessionState = 'loading' | 'signed-in' | 'signed-out' | 'unreachable';

/** Whether somebody is signed in to the console. */
export function useSession(): { readonly state: SessionState; readonly apiKey: string | undefined; retry(): void } {
  const query = useQuery({
    queryKey: queryKeys.session,
    queryFn: () => consoleApi.session(),
    retry: (count, error) => count < 2 && isRetryable(error),
    staleTime: 60_000,
  });
  const retry = () => void query.refetch();
  if (query.isPending) return { state: 'loading', apiKey: undefined, retry };
  if (query.data !== undefined && query.error === null) return { state: 'signed-in', apiKey: query.data.key, retry };
  return { state: isRetryable(query.error) ? 'unreachable' : 'signed-out', apiKey: undefined, retry };
}

export function isRetryable(error: unknown): boolean {
  return error instanceof AircheckError && error.retryable;
}
