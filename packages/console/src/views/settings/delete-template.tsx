import type { Template } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { App, Button } from 'antd';
import { queryKeys } from '../../api.tsx';
import { TrashIcon } from '../../components/icons.tsx';
import { useProblemToast } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';

/** Deletes an own template, after a question. */
export function DeleteTemplate({ template }: { template: Template }) {
  const { t } = useLibraryI18n();
  const { modal } = App.useApp();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const ask = () =>
    modal.confirm({
      title: t('templates.deleteTitle', { name: template.name }),
      content: t('templates.deleteText'),
      okText: t('action.delete'),
      cancelText: t('action.cancel'),
      okButtonProps: { danger: true },
      onOk: async () => {
        try {
          await libraryApi.deleteTemplate(template.definition);
        } catch (error) {
          showProblem(error);
        }
        await queryClient.invalidateQueries({ queryKey: queryKeys.templates });
      },
    });
  return (
    <Button
      type="text"
      size="small"
      danger
      icon={<TrashIcon size={16} />}
      aria-label={`${t('action.delete')} ${template.name}`}
      onClick={ask}
    />
  );
}
