import type { Template } from '@aircheck/protocol';
import { useQuery } from '@tanstack/react-query';
import { queryKeys } from '../../api.tsx';
import { libraryApi } from '../../library-api.ts';

export function useTemplates(): readonly Template[] {
  return (
    useQuery({
      queryKey: queryKeys.templates,
      queryFn: ({ signal }) => libraryApi.templates(signal),
      staleTime: 60_000,
    }).data?.items ?? []
  );
}
