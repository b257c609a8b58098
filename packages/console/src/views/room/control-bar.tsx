import type { TrackSource } from '@aircheck/protocol';
import type { Devices, Room } from '@aircheck/web';
import { Dropdown, type MenuProps, Tooltip } from 'antd';
import { type ReactNode, useState } from 'react';
import {
  CameraIcon,
  CameraOffIcon,
  LeaveIcon,
  MicrophoneIcon,
  MicrophoneOffIcon,
  ScreenIcon,
  SettingsIcon,
} from '../../components/icons.tsx';
import { useProblemToast } from '../../components/problem.tsx';
import { useI18n } from '../../i18n/i18n.tsx';

/** Microphone, camera, screen, devices, and the way out. */
export function ControlBar({ room }: { room: Room }) {
  const { t } = useI18n();
  const showProblem = useProblemToast();
  const [busy, setBusy] = useState<ReadonlySet<TrackSource>>(new Set());
  const publishes = room.self.role !== 'audience';
  const microphone = room.localTrack('microphone');
  const camera = room.localTrack('camera');
  const screen = room.localTrack('screen');

  const during = async (source: TrackSource, work: () => Promise<unknown> | undefined) => {
    setBusy((sources) => new Set([...sources, source]));
    try {
      await work();
    } catch (error) {
      showProblem(error);
    } finally {
      setBusy((sources) => new Set([...sources].filter((one) => one !== source)));
    }
  };
  const toggleMicrophone = () =>
    during('microphone', () =>
      microphone === undefined ? room.publishMicrophone() : room.setMuted(microphone, !microphone.muted),
    );
  const toggleCamera = () =>
    during('camera', () => (camera === undefined ? room.publishCamera() : room.setMuted(camera, !camera.muted)));
  const toggleScreen = () =>
    during('screen', async () => {
      if (screen === undefined) await room.publishScreen();
      else
        for (const track of room.localTracks) {
          if (track.source === 'screen' || track.source === 'screen-audio') room.unpublish(track);
        }
    });
  const hears = microphone !== undefined && !microphone.muted;
  const sees = camera !== undefined && !camera.muted;
  return (
    <div className="control-bar">
      {publishes && (
        <>
          <Control
            label={t(hears ? 'control.microphoneOff' : 'control.microphoneOn')}
            icon={hears ? <MicrophoneIcon size={20} /> : <MicrophoneOffIcon size={20} />}
            tone={hears ? 'on' : 'off'}
            busy={busy.has('microphone')}
            onClick={toggleMicrophone}
            testId="mic-toggle"
          />
          <Control
            label={t(sees ? 'control.cameraOff' : 'control.cameraOn')}
            icon={sees ? <CameraIcon size={20} /> : <CameraOffIcon size={20} />}
            tone={sees ? 'on' : 'off'}
            busy={busy.has('camera')}
            onClick={toggleCamera}
            testId="camera-toggle"
          />
          <Control
            label={t(screen === undefined ? 'control.screenOn' : 'control.screenOff')}
            icon={<ScreenIcon size={20} />}
            tone={screen === undefined ? 'plain' : 'active'}
            busy={busy.has('screen')}
            onClick={toggleScreen}
            testId="screen-toggle"
          />
          <DeviceMenu room={room} />
        </>
      )}
      <Control
        label={t('control.leave')}
        icon={<LeaveIcon size={20} />}
        tone="leave"
        busy={false}
        onClick={() => void room.leave()}
        testId="leave"
      />
    </div>
  );
}

interface ControlProps {
  readonly label: string;
  readonly icon: ReactNode;
  readonly tone: 'on' | 'off' | 'plain' | 'active' | 'leave';
  readonly busy: boolean;
  readonly onClick: () => void;
  readonly testId: string;
}

function Control({ label, icon, tone, busy, onClick, testId }: ControlProps) {
  return (
    <Tooltip title={label}>
      <button
        type="button"
        className="control"
        data-tone={tone}
        aria-label={label}
        aria-busy={busy}
        disabled={busy}
        onClick={onClick}
        data-testid={testId}
      >
        {icon}
      </button>
    </Tooltip>
  );
}

/** Choice of microphone and camera; the list is made when it is opened. */
function DeviceMenu({ room }: { room: Room }) {
  const { t } = useI18n();
  const showProblem = useProblemToast();
  const [devices, setDevices] = useState<Devices>();
  const selected = (['microphone', 'camera'] as const).flatMap((source) => {
    const deviceId = room.localTrack(source)?.mediaStreamTrack.getSettings().deviceId;
    return deviceId === undefined ? [] : [`${source} ${deviceId}`];
  });
  const group = (source: 'microphone' | 'camera', list: Devices['cameras'] = []) => ({
    type: 'group' as const,
    key: source,
    label: t(`device.${source}`),
    children:
      list.length === 0
        ? [{ key: `${source} none`, label: t('device.none'), disabled: true }]
        : list.map((device, index) => ({
            key: `${source} ${device.deviceId}`,
            label: device.label === '' ? `${t(`device.${source}`)} ${index + 1}` : device.label,
          })),
  });
  const choose: MenuProps['onClick'] = async ({ key }) => {
    const [source = '', deviceId = ''] = key.split(' ');
    const track = room.localTrack(source as 'microphone' | 'camera');
    try {
      if (track !== undefined) await room.switchDevice(track, deviceId);
      else if (source === 'camera') await room.publishCamera(deviceId);
      else await room.publishMicrophone(deviceId);
    } catch (error) {
      showProblem(error);
    }
  };
  return (
    <Dropdown
      trigger={['click']}
      placement="top"
      onOpenChange={(open) => {
        if (open) room.devices().then(setDevices, showProblem);
      }}
      menu={{
        items: [group('microphone', devices?.microphones), group('camera', devices?.cameras)],
        selectable: true,
        multiple: true,
        selectedKeys: selected,
        onClick: choose,
      }}
    >
      <button
        type="button"
        className="control"
        data-tone="plain"
        aria-label={t('control.devices')}
        data-testid="devices"
      >
        <SettingsIcon size={20} />
      </button>
    </Dropdown>
  );
}
