import type { Participant } from '@aircheck/protocol';
import { Button, Input, Segmented, Select } from 'antd';
import { useState } from 'react';
import { consoleApi } from '../../api.tsx';
import { CopyField } from '../../components/copy.tsx';
import { Field } from '../../components/field.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { useI18n } from '../../i18n/i18n.tsx';
import { isId } from '../rooms/ids.ts';

type Direction = 'whip' | 'whep';

const tokenSeconds = 24 * 3600;

/** How software that is not a browser page publishes into the room (WHIP, RFC 9725) or watches it (WHEP). */
export function ConnectPanel({ roomId, people }: { roomId: string; people: readonly Participant[] }) {
  const { t } = useI18n();
  const [direction, setDirection] = useState<Direction>('whip');
  const [userId, setUserId] = useState('obs');
  const [watched, setWatched] = useState<string>();
  const [token, setToken] = useState<string>();
  const [error, setError] = useState<unknown>();
  const publishers = people.filter(({ tracks }) => tracks.length > 0);
  const target = watched ?? publishers[0]?.userId;
  const room = encodeURIComponent(roomId);
  const url =
    direction === 'whip'
      ? `${window.location.origin}/whip/${room}`
      : `${window.location.origin}/whep/${room}/${encodeURIComponent(target ?? 'USER')}`;

  const makeToken = async () => {
    setError(undefined);
    try {
      const role = direction === 'whip' ? 'host' : 'audience';
      setToken((await consoleApi.createToken({ userId, roomId, role, ttlSeconds: tokenSeconds })).token);
    } catch (problem) {
      setError(problem);
    }
  };

  return (
    <div className="panel-body stack">
      <Segmented<Direction>
        block
        value={direction}
        onChange={(value) => {
          setDirection(value);
          setUserId(value === 'whip' ? 'obs' : 'viewer');
          setToken(undefined);
        }}
        options={[
          { value: 'whip', label: t('connect.publish') },
          { value: 'whep', label: t('connect.watch') },
        ]}
      />
      <p className="muted">{t(direction === 'whip' ? 'connect.publishText' : 'connect.watchText')}</p>
      {direction === 'whep' && (
        <Field label={t('connect.whom')}>
          {(id) => (
            <Select
              id={id}
              value={target}
              placeholder={t('connect.nobody')}
              onChange={setWatched}
              options={publishers.map((participant) => ({ value: participant.userId, label: participant.userId }))}
            />
          )}
        </Field>
      )}
      <CopyField label={t('connect.url')} value={url} />
      <Field label={t('connect.userId')}>
        {(id) => (
          <Input
            id={id}
            value={userId}
            status={isId(userId) ? '' : 'error'}
            onChange={(event) => {
              setUserId(event.target.value);
              setToken(undefined);
            }}
          />
        )}
      </Field>
      {error !== undefined && <ProblemAlert error={error} />}
      {token === undefined ? (
        <Button type="primary" onClick={makeToken} disabled={!isId(userId)} data-testid="connect-token">
          {t('connect.makeToken')}
        </Button>
      ) : (
        <>
          <CopyField label={t('connect.token')} value={token} />
          <Recipes direction={direction} url={url} token={token} />
        </>
      )}
    </div>
  );
}

type Tool = 'obs' | 'gstreamer' | 'ffmpeg';

function Recipes({ direction, url, token }: { direction: Direction; url: string; token: string }) {
  const { t } = useI18n();
  const [tool, setTool] = useState<Tool>('obs');
  if (direction === 'whep') {
    return (
      <CopyField
        label="GStreamer"
        multiline
        value={`gst-launch-1.0 whepsrc name=in whep-endpoint="${url}" auth-token="${token}" \\\n  in. ! rtph264depay ! decodebin ! autovideosink \\\n  in. ! rtpopusdepay ! opusdec ! autoaudiosink`}
      />
    );
  }
  return (
    <div className="stack">
      <Segmented<Tool>
        block
        value={tool}
        onChange={setTool}
        options={[
          { value: 'obs', label: 'OBS' },
          { value: 'gstreamer', label: 'GStreamer' },
          { value: 'ffmpeg', label: 'ffmpeg' },
        ]}
      />
      {tool === 'obs' && (
        <ol className="recipe">
          <li>{t('connect.obs1')}</li>
          <li>{t('connect.obs2')}</li>
          <li>{t('connect.obs3')}</li>
        </ol>
      )}
      {tool === 'gstreamer' && (
        <CopyField
          label=""
          multiline
          value={`gst-launch-1.0 whipclientsink name=out \\\n  signaller::whip-endpoint="${url}" \\\n  signaller::auth-token="${token}" \\\n  video-caps="video/x-h264" \\\n  v4l2src ! videoconvert ! out. \\\n  autoaudiosrc ! audioconvert ! out.`}
        />
      )}
      {tool === 'ffmpeg' && (
        <>
          <CopyField
            label=""
            multiline
            value={`ffmpeg -re -i input.mp4 \\\n  -c:v libx264 -profile:v baseline -bf 0 -g 60 -pix_fmt yuv420p \\\n  -c:a libopus -ar 48000 -ac 2 \\\n  -f whip -authorization "${token}" \\\n  "${url}"`}
          />
          <span className="muted small">{t('connect.ffmpegVersion')}</span>
        </>
      )}
    </div>
  );
}
