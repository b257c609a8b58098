import { AircheckError } from '@aircheck/web';
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { App as AntdApp, ConfigProvider, Spin } from 'antd';
import enUS from 'antd/locale/en_US.js';
import zhCN from 'antd/locale/zh_CN.js';
import { lazy, Suspense, useMemo } from 'react';
import { isRetryable, queryKeys, useSession } from './api.tsx';
import { type Section, Shell } from './components/shell.tsx';
import { PreferencesProvider, usePreferences } from './preferences.tsx';
import { type Route, useRoute } from './router.ts';
import { antdTheme } from './theme.ts';
import { RoomsView } from './views/rooms/rooms-view.tsx';
import { SignInView } from './views/sign-in/sign-in-view.tsx';
import { UnreachableView } from './views/sign-in/unreachable-view.tsx';

const RoomView = lazy(() => import('./views/room/room-view.tsx'));
const LibraryView = lazy(() => import('./views/library/library-view.tsx'));
const AssetView = lazy(() => import('./views/asset/asset-view.tsx'));
const RecycleBinView = lazy(() => import('./views/recycle-bin/recycle-bin-view.tsx'));
const JobsView = lazy(() => import('./views/jobs/jobs-view.tsx'));
const EventsView = lazy(() => import('./views/events/events-view.tsx'));
const SettingsView = lazy(() => import('./views/settings/settings-view.tsx'));

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
    default:
      return (
        <Shell active={navigationOf(route)}>
          <Suspense fallback={<PageSpinner />}>
            <Page route={route} />
          </Suspense>
        </Shell>
      );
  }
}

type PageRoute = Exclude<Route, { view: 'join' | 'sign-in' | 'room' }>;

/** A page inside of the frame. */
function Page({ route }: { route: PageRoute }) {
  switch (route.view) {
    case 'rooms':
      return <RoomsView />;
    case 'library':
      return <LibraryView search={route.search} />;
    case 'asset':
      return <AssetView key={route.fileId} fileId={route.fileId} />;
    case 'recycle-bin':
      return <RecycleBinView />;
    case 'tasks':
      return <JobsView />;
    case 'events':
      return <EventsView subscriberId={route.subscriberId} />;
    case 'settings':
      return <SettingsView tab={route.tab} />;
  }
}

function navigationOf({ view }: PageRoute): Section {
  return view === 'asset' || view === 'recycle-bin' ? 'library' : view;
}

function PageSpinner() {
  return (
    <div className="page-spinner">
      <Spin size="large" />
    </div>
  );
}
