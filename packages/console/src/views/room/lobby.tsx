import type { Role, RoomType, TokenClaims } from '@aircheck/protocol';
import { AircheckError } from '@aircheck/web';
import { useQuery } from '@tanstack/react-query';
import { Button, Input, Segmented, Select, Tooltip } from 'antd';
import { useEffect, useState } from 'react';
import { consoleApi, queryKeys } from '../../api.tsx';
import { Avatar } from '../../components/avatar.tsx';
import { Field } from '../../components/field.tsx';
import {
  BackIcon,
  CameraIcon,
  CameraOffIcon,
  MicrophoneIcon,
  MicrophoneOffIcon,
  ScreenIcon,
} from '../../components/icons.tsx';
import { Logo } from '../../components/logo.tsx';
import { ProblemAlert, useProblemToast } from '../../components/problem.tsx';
import { LanguageSwitch, SchemeSwitch } from '../../components/shell.tsx';
import { useI18n } from '../../i18n/i18n.tsx';
import { rememberedUserName, rememberUserName } from '../../preferences.tsx';
import { addressOf } from '../../router.ts';
import { isId } from '../rooms/ids.ts';
import { RoleChoice } from '../rooms/invite-button.tsx';
import { LevelMeter } from './level-meter.tsx';
import { type LobbyMedia, useLobbyMedia } from './lobby-media.ts';
import { MediaVideo } from './media-element.tsx';
import type { JoinChoice } from './room-view.tsx';

interface LobbyProps {
  readonly roomId: string;
  /** What the invitation says, where there is one. */
  readonly claims: TokenClaims | undefined;
  readonly signedIn: boolean;
  onJoin(choice: JoinChoice, media: LobbyMedia): Promise<void>;
}

/** The place before the room: who one is, and what the others will see and hear. */
export function Lobby({ roomId, claims, signedIn, onJoin }: LobbyProps) {
  const { t } = useI18n();
  const invited = claims !== undefined;
  const media = useLobbyMedia();
  const { stop } = media;
  const [userName, setUserName] = useState(claims?.sub ?? rememberedUserName());
  const [chosenRole, setRole] = useState<Role>('host');
  const [roomType, setRoomType] = useState<RoomType>('multi');
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const known = useQuery({
    queryKey: queryKeys.room(roomId),
    queryFn: ({ signal }) => consoleApi.room(roomId, signal),
    enabled: !invited,
    retry: false,
  });
  const isNew = known.error instanceof AircheckError && known.error.code === 'room-not-found';
  const role = claims?.role ?? chosenRole;
  const userId = userName.trim();
  const publishes = role !== 'audience';

  useEffect(() => {
    // The audience publishes nothing: no light on its camera.
    if (publishes) return;
    for (const source of ['camera', 'microphone', 'screen'] as const) stop(source);
  }, [publishes, stop]);

  const join = async () => {
    setBusy(true);
    setError(undefined);
    if (!invited) rememberUserName(userId);
    try {
      await onJoin({ userId, role, roomType }, media);
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };

  return (
    <div className="lobby">
      <header className="lobby-bar">
        {signedIn && !invited ? (
          <Button type="text" icon={<BackIcon />} href={addressOf.rooms()}>
            {t('nav.rooms')}
          </Button>
        ) : (
          <Logo />
        )}
        <div className="spacer" />
        <LanguageSwitch />
        <SchemeSwitch />
      </header>
      <div className="lobby-body">
        <section className="lobby-preview">
          <Preview media={media} userId={userId} publishes={publishes} />
          {publishes && <DeviceChoice media={media} />}
        </section>
        <section className="lobby-form">
          <div>
            <span className="eyebrow">{t('lobby.room')}</span>
            <h1 className="ellipsis" data-testid="room-id">
              {claims === undefined || claims.room === '*' ? roomId : claims.room}
            </h1>
          </div>
          <Field label={t('lobby.name')} {...(!invited && { hint: t('lobby.idRule') })}>
            {(id) => (
              <Input
                id={id}
                size="large"
                value={userName}
                disabled={invited}
                maxLength={128}
                placeholder={t('lobby.namePlaceholder')}
                status={userId === '' || isId(userId) ? '' : 'error'}
                onChange={(event) => setUserName(event.target.value)}
                onPressEnter={() => {
                  if (isId(userId)) void join();
                }}
                data-testid="user-id"
              />
            )}
          </Field>
          {!invited && (
            <>
              <div className="field">
                <span className="field-label">{t('lobby.role')}</span>
                <RoleChoice role={role} onChange={setRole} />
              </div>
              {isNew && (
                <div className="field">
                  <span className="field-label">{t('lobby.type')}</span>
                  <Segmented<RoomType>
                    block
                    value={roomType}
                    onChange={setRoomType}
                    options={[
                      { value: 'multi', label: t('lobby.typeMulti') },
                      { value: 'pair', label: t('lobby.typePair') },
                    ]}
                  />
                  <span className="muted small">
                    {t(roomType === 'pair' ? 'lobby.typePairText' : 'lobby.typeMultiText')}
                  </span>
                </div>
              )}
            </>
          )}
          {invited && <p className="muted">{t('lobby.invitedAs', { role: t(`role.${role}`) })}</p>}
          {error !== undefined && <ProblemAlert error={error} />}
          <Button
            type="primary"
            size="large"
            block
            loading={busy}
            disabled={!isId(userId)}
            onClick={join}
            data-testid="join"
          >
            {t(publishes ? 'lobby.join' : 'lobby.watch')}
          </Button>
        </section>
      </div>
    </div>
  );
}

function Preview({ media, userId, publishes }: { media: LobbyMedia; userId: string; publishes: boolean }) {
  const { t } = useI18n();
  const showProblem = useProblemToast();
  const { camera, microphone, screen } = media.tracks;
  const toggle = (source: 'camera' | 'microphone' | 'screen') => () => {
    if (media.tracks[source] !== undefined) media.stop(source);
    else media.start(source).catch(showProblem);
  };
  return (
    <div className="preview">
      {screen !== undefined && <MediaVideo track={screen} className="preview-screen" fit="contain" />}
      {camera !== undefined ? (
        <MediaVideo track={camera} mirrored className={screen === undefined ? 'preview-main' : 'preview-inset'} />
      ) : (
        screen === undefined && (
          <div className="preview-empty">
            <Avatar name={userId === '' ? '?' : userId} size={84} />
            <span>{t(publishes ? 'lobby.cameraOff' : 'lobby.audience')}</span>
          </div>
        )
      )}
      {publishes && (
        <div className="preview-controls">
          <RoundToggle
            label={t(microphone === undefined ? 'control.microphoneOn' : 'control.microphoneOff')}
            on={microphone !== undefined}
            busy={media.busy.has('microphone')}
            icon={microphone === undefined ? <MicrophoneOffIcon size={20} /> : <MicrophoneIcon size={20} />}
            onClick={toggle('microphone')}
            testId="lobby-microphone"
          />
          <RoundToggle
            label={t(camera === undefined ? 'control.cameraOn' : 'control.cameraOff')}
            on={camera !== undefined}
            busy={media.busy.has('camera')}
            icon={camera === undefined ? <CameraOffIcon size={20} /> : <CameraIcon size={20} />}
            onClick={toggle('camera')}
            testId="lobby-camera"
          />
          <RoundToggle
            label={t(screen === undefined ? 'control.screenOn' : 'control.screenOff')}
            on={screen !== undefined}
            busy={media.busy.has('screen')}
            icon={<ScreenIcon size={20} />}
            onClick={toggle('screen')}
            testId="lobby-screen"
          />
        </div>
      )}
      {microphone !== undefined && <LevelMeter track={microphone} />}
    </div>
  );
}

function RoundToggle(props: {
  label: string;
  on: boolean;
  busy: boolean;
  icon: React.ReactNode;
  onClick: () => void;
  testId: string;
}) {
  return (
    <Tooltip title={props.label}>
      <button
        type="button"
        className="round-button"
        data-on={props.on}
        aria-pressed={props.on}
        aria-label={props.label}
        aria-busy={props.busy}
        disabled={props.busy}
        onClick={props.onClick}
        data-testid={props.testId}
      >
        {props.icon}
      </button>
    </Tooltip>
  );
}

function DeviceChoice({ media }: { media: LobbyMedia }) {
  const { t } = useI18n();
  const showProblem = useProblemToast();
  const rows = [
    {
      source: 'microphone',
      icon: <MicrophoneIcon />,
      devices: media.devices.microphones,
      label: t('device.microphone'),
    },
    { source: 'camera', icon: <CameraIcon />, devices: media.devices.cameras, label: t('device.camera') },
  ] as const;
  return (
    <div className="device-row">
      {rows.map(({ source, icon, devices, label }) => {
        // A track may come from something that is in no list, such as another page's tab.
        const deviceId = media.tracks[source]?.getSettings().deviceId;
        const selected = devices.find((device) => device.deviceId === deviceId)?.deviceId;
        return (
          <Select
            key={source}
            className="device-select"
            aria-label={label}
            prefix={icon}
            {...(selected !== undefined && { value: selected })}
            placeholder={label}
            options={devices.map((device, index) => ({
              value: device.deviceId,
              label: device.label === '' ? `${label} ${index + 1}` : device.label,
            }))}
            onChange={(chosen: string) => void media.start(source, chosen).catch(showProblem)}
            notFoundContent={t('device.none')}
          />
        );
      })}
    </div>
  );
}
