import type { AssetClass } from '@aircheck/protocol';
import { useQuery } from '@tanstack/react-query';
import { queryKeys } from '../../api.tsx';
import { libraryApi } from '../../library-api.ts';

export function useClasses(): readonly AssetClass[] {
  return (
    useQuery({ queryKey: queryKeys.classes, queryFn: ({ signal }) => libraryApi.classes(signal), staleTime: 30_000 })
      .data?.items ?? []
  );
}
