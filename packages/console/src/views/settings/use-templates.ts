import type { Procedure, Template } from '@aircheck/protocol';
import { useQuery } from '@tanstack/react-query';
import { queryKeys } from '../../api.tsx';
import { libraryApi } from '../../library-api.ts';

const staleTime = 60_000;

export function useTemplates(): readonly Template[] {
  const query = useQuery({
    queryKey: queryKeys.templates,
    queryFn: ({ signal }) => libraryApi.templates(signal),
    staleTime,
  });
  return query.data?.items ?? [];
}

export function useProcedures(): readonly Procedure[] {
  const query = useQuery({
    queryKey: queryKeys.procedures,
    queryFn: ({ signal }) => libraryApi.procedures(signal),
    staleTime,
  });
  return query.data?.items ?? [];
}
