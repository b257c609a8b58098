import { AircheckError } from '@aircheck/web';
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { App as AntdApp, ConfigProvider, Spin } from 'antd';
import enUS from 'antd/locale/en_US.js';
import zhCN from 'antd/locale/zh_CN.js';
import { lazy, Suspense, useMemo } from 'react';
import { isRetryable, queryKeys, useSession } from './api.tsx';
import { Shell } from './components/shell.tsx';
import { PreferencesProvider, usePreferences } from './preferences.tsx';
import { useRoute } from './router.ts';
import { antdTheme } from './theme.ts';
import { RoomsView } from './views/rooms/rooms-view.tsx';
import { SignInView } from './views/sign-in/sign-in-view.tsx';
import { UnreachableView } from './views/sign-in/unreachable-view.tsx';

const RoomView = lazy(() => import('./views/room/room-view.tsx'));
const LibraryView = lazy(() => import('./views/library/library-view.tsx'));

const queryClient = new QueryClient({
  queryCache: new QueryCache({
    onError(error, { queryKey }) {
      // The session is over, by time or by another secret: the sign-in page takes the place of what was asked for.
      if (!(error instanceof AircheckError) || error.code !== 'unauthenticated') return;
      if (queryKey[0] !== queryKeys.session[0]) void queryClient.invalidateQueries({ queryKey: queryKeys.session });
    },
  }),
  defaultOptions: {
    queries: { retry: (count, error) => count < 2 && isRetryable(error), refetchOnWindowFocus: true },
  },
});

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <PreferencesProvider>
        <Themed />
      </PreferencesProvider>
    </QueryClientProvider>
  );
}

function Themed() {
  const { language, scheme } = usePreferences();
  const theme = useMemo(() => antdTheme(scheme), [scheme]);
  return (
    <ConfigProvider
      theme={theme}
      locale={language === 'zh' ? zhCN.default : enUS.default}
      button={{ autoInsertSpace: false }}
    >
      <AntdApp component={false} message={{ maxCount: 3, top: 68 }}>
        <Suspense fallback={<PageSpinner />}>
          <Views />
        </Suspense>
      </AntdApp>
    </ConfigProvider>
  );
}

function Views() {
  const route = useRoute();
  const session = useSession();

  if (route.view === 'join') {
    return (
      <RoomView key={route.token} roomId={route.roomId} token={route.token} signedIn={session.state === 'signed-in'} />
    );
  }
  if (route.view === 'sign-in') return <SignInView key={route.code} code={route.code} />;
  if (session.state === 'loading') return <PageSpinner />;
  if (session.state === 'unreachable') return <UnreachableView onRetry={session.retry} />;
  if (session.state === 'signed-out') return <SignInView code={undefined} />;
  switch (route.view) {
    case 'room':
      return <RoomView key={route.roomId} roomId={route.roomId} token={undefined} signedIn />;
    case 'library':
      return (
        <Shell active="library">
          <LibraryView fileId={route.fileId} />
        </Shell>
      );
    case 'rooms':
      return (
        <Shell active="rooms">
          <RoomsView />
        </Shell>
      );
  }
}

function PageSpinner() {
  return (
    <div className="page-spinner">
      <Spin size="large" />
    </div>
  );
}
