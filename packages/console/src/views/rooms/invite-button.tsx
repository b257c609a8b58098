import type { Role } from '@aircheck/protocol';
import { Button, Input, Modal, Segmented, Select, Tooltip } from 'antd';
import { useState } from 'react';
import { consoleApi } from '../../api.tsx';
import { CopyField } from '../../components/copy.tsx';
import { Field } from '../../components/field.tsx';
import { LinkIcon } from '../../components/icons.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { useI18n } from '../../i18n/i18n.tsx';
import { addressOf } from '../../router.ts';
import { isId } from './ids.ts';

const day = 86_400;

/** Makes a link with which somebody joins a room without signing in. Needs the console's session. */
export function InviteButton({ roomId, compact = false }: { roomId: string; compact?: boolean }) {
  const { t } = useI18n();
  const [open, setOpen] = useState(false);
  const button = (
    <Button
      icon={<LinkIcon />}
      type={compact ? 'text' : 'default'}
      aria-label={t('invite.button')}
      onClick={() => setOpen(true)}
      data-testid="invite"
    >
      {compact ? undefined : t('invite.button')}
    </Button>
  );
  return (
    <>
      {compact ? <Tooltip title={t('invite.button')}>{button}</Tooltip> : button}
      <Modal
        open={open}
        onCancel={() => setOpen(false)}
        footer={null}
        title={t('invite.title', { room: roomId })}
        destroyOnHidden
        width={480}
      >
        <InviteForm roomId={roomId} />
      </Modal>
    </>
  );
}

function InviteForm({ roomId }: { roomId: string }) {
  const { t } = useI18n();
  const [userId, setUserId] = useState('');
  const [role, setRole] = useState<Role>('guest');
  const [ttlSeconds, setTtlSeconds] = useState(day);
  const [link, setLink] = useState<string>();
  const changed = <Value,>(set: (value: Value) => void) => {
    return (value: Value) => {
      set(value);
      setLink(undefined);
    };
  };
  const make = useSubmit(async () => {
    const { token } = await consoleApi.createToken({ userId: userId.trim(), roomId, role, ttlSeconds });
    setLink(`${window.location.origin}${window.location.pathname}${addressOf.join(roomId, token)}`);
  });
  return (
    <div className="stack">
      <p className="muted">{t('invite.text')}</p>
      <Field label={t('invite.name')} hint={t('lobby.idRule')}>
        {(id) => (
          <Input
            id={id}
            value={userId}
            onChange={(event) => changed(setUserId)(event.target.value)}
            status={userId.trim() === '' || isId(userId.trim()) ? '' : 'error'}
            data-testid="invite-user-id"
          />
        )}
      </Field>
      <div className="field">
        <span className="field-label">{t('lobby.role')}</span>
        <RoleChoice role={role} onChange={changed(setRole)} />
      </div>
      <div className="field">
        <span className="field-label">{t('invite.validity')}</span>
        <Select
          value={ttlSeconds}
          onChange={changed(setTtlSeconds)}
          options={[
            { value: 3600, label: t('invite.hour') },
            { value: day, label: t('invite.day') },
            { value: 7 * day, label: t('invite.week') },
            { value: 30 * day, label: t('invite.month') },
          ]}
        />
      </div>
      {make.problem}
      {link === undefined ? (
        <Button
          type="primary"
          block
          loading={make.busy}
          disabled={!isId(userId.trim())}
          onClick={make.submit}
          data-testid="invite-make"
        >
          {t('invite.make')}
        </Button>
      ) : (
        <div data-testid="invite-link">
          <CopyField label={t('invite.link')} value={link} />
        </div>
      )}
    </div>
  );
}

export function RoleChoice({ role, onChange }: { role: Role; onChange: (role: Role) => void }) {
  const { t } = useI18n();
  return (
    <>
      <Segmented<Role>
        block
        value={role}
        onChange={onChange}
        data-testid="role"
        options={(['host', 'guest', 'audience'] as const).map((value) => ({ value, label: t(`role.${value}`) }))}
      />
      <span className="muted small">{t(`role.${role}.text`)}</span>
    </>
  );
}
