import type { ReactNode } from 'react';

interface IconProps {
  readonly size?: number;
  readonly className?: string;
}

/** Line icons on a 24-unit grid; they take the colour of the text around them. */
function icon(shape: ReactNode) {
  return function Icon({ size = 18, className }: IconProps) {
    return (
      <svg
        className={className === undefined ? 'icon' : `icon ${className}`}
        width={size}
        height={size}
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.8"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
      >
        {shape}
      </svg>
    );
  };
}

const slash = <path d="M4 4l16 16" />;
const microphone = (
  <>
    <rect x="9" y="3" width="6" height="11" rx="3" />
    <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
  </>
);
const camera = (
  <>
    <rect x="3" y="6.5" width="12.5" height="11" rx="3" />
    <path d="M15.5 10.8 21 8v8l-5.5-2.8" />
  </>
);

export const MicrophoneIcon = icon(microphone);
export const MicrophoneOffIcon = icon(
  <>
    {microphone}
    {slash}
  </>,
);
export const CameraIcon = icon(camera);
export const CameraOffIcon = icon(
  <>
    {camera}
    {slash}
  </>,
);
export const ScreenIcon = icon(
  <>
    <rect x="3" y="4.5" width="18" height="12" rx="2.5" />
    <path d="M8.5 20h7M12 13V8m-2.3 2.2L12 7.9l2.3 2.3" />
  </>,
);
export const LeaveIcon = icon(
  <>
    <path d="M14 4.5H7.5a2.5 2.5 0 0 0-2.5 2.5v10a2.5 2.5 0 0 0 2.5 2.5H14" />
    <path d="M10.5 12H20m-3.2-3.3L20 12l-3.2 3.3" />
  </>,
);
export const RecordIcon = icon(
  <>
    <circle cx="12" cy="12" r="8.5" />
    <circle cx="12" cy="12" r="3.6" fill="currentColor" stroke="none" />
  </>,
);
export const PauseIcon = icon(<path d="M9 6v12M15 6v12" strokeWidth="2.4" />);
export const PlayIcon = icon(<path d="M8 5.6v12.8L18.5 12z" fill="currentColor" />);
export const StopIcon = icon(<rect x="6.5" y="6.5" width="11" height="11" rx="2" fill="currentColor" />);
export const PeopleIcon = icon(
  <>
    <circle cx="9" cy="8.5" r="3.3" />
    <path d="M3 19c.5-3.4 2.8-5 6-5s5.5 1.6 6 5M15.5 5.6a3.2 3.2 0 0 1 0 5.9M17.5 14.5c2 .7 3.2 2.2 3.5 4.5" />
  </>,
);
export const LinkIcon = icon(
  <path d="M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7l-1.2 1.2M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.2-1.2" />,
);
export const CopyIcon = icon(
  <>
    <rect x="8.5" y="8.5" width="11.5" height="11.5" rx="2.5" />
    <path d="M15.5 8.5V6.5A2.5 2.5 0 0 0 13 4H6.5A2.5 2.5 0 0 0 4 6.5V13a2.5 2.5 0 0 0 2.5 2.5h2" />
  </>,
);
export const DownloadIcon = icon(<path d="M12 4v11m-4.2-4L12 15.2 16.2 11M4.5 19.5h15" />);
export const SearchIcon = icon(
  <>
    <circle cx="11" cy="11" r="6.5" />
    <path d="m16 16 4 4" />
  </>,
);
export const SunIcon = icon(
  <>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4" />
  </>,
);
export const MoonIcon = icon(<path d="M20 14.2A8.3 8.3 0 0 1 9.8 4a8.3 8.3 0 1 0 10.2 10.2z" />);
export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />);
export const RoomsIcon = icon(
  <>
    <rect x="3.5" y="4" width="7.5" height="7" rx="2" />
    <rect x="13.5" y="4" width="7" height="7" rx="2" />
    <rect x="3.5" y="13.5" width="7.5" height="6.5" rx="2" />
    <rect x="13.5" y="13.5" width="7" height="6.5" rx="2" />
  </>,
);
export const LibraryIcon = icon(
  <>
    <rect x="3" y="5" width="18" height="14" rx="3" />
    <path d="m10.3 9 4.7 3-4.7 3z" fill="currentColor" />
  </>,
);
export const KeyIcon = icon(
  <>
    <circle cx="8" cy="15.5" r="4" />
    <path d="m11 12.5 8-8M16 7.5l3 3M13.5 10l2 2" />
  </>,
);
export const SoundIcon = icon(<path d="M4.5 10v4M8.3 7.5v9M12 4.5v15M15.8 8v8M19.5 10.5v3" strokeWidth="2" />);
export const SettingsIcon = icon(
  <>
    <path d="M4 7.5h9M18 7.5h2M4 16.5h2M11 16.5h9" />
    <circle cx="15.5" cy="7.5" r="2.3" />
    <circle cx="8.5" cy="16.5" r="2.3" />
  </>,
);
export const SignOutIcon = LeaveIcon;
export const AlertIcon = icon(
  <>
    <path d="M12 4 3 19.5h18z" />
    <path d="M12 10v4M12 16.8v.1" />
  </>,
);
export const CheckIcon = icon(<path d="m5 12.5 4.5 4.5L19 7.5" />);
export const BroadcastIcon = icon(
  <>
    <circle cx="12" cy="12" r="2" fill="currentColor" />
    <path d="M8 16a5.7 5.7 0 0 1 0-8M16 8a5.7 5.7 0 0 1 0 8M5 19a9.9 9.9 0 0 1 0-14M19 5a9.9 9.9 0 0 1 0 14" />
  </>,
);
export const PanelIcon = icon(
  <>
    <rect x="3" y="4.5" width="18" height="15" rx="3" />
    <path d="M14.5 4.5v15" />
  </>,
);
export const LanguageIcon = icon(
  <>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M3.5 12h17M12 3.5c5 5 5 12 0 17M12 3.5c-5 5-5 12 0 17" />
  </>,
);
export const BackIcon = icon(<path d="M19 12H5m5.5-6L5 12l5.5 6" />);
export const ForwardIcon = icon(<path d="m9.5 5.5 6.5 6.5-6.5 6.5" />);
export const MoreIcon = icon(
  <>
    <circle cx="5.5" cy="12" r="1.3" fill="currentColor" stroke="none" />
    <circle cx="12" cy="12" r="1.3" fill="currentColor" stroke="none" />
    <circle cx="18.5" cy="12" r="1.3" fill="currentColor" stroke="none" />
  </>,
);
export const UploadIcon = icon(<path d="M12 15.5V4.5M7.8 8.5 12 4.3l4.2 4.2M4.5 19.5h15" />);
export const TrashIcon = icon(<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10.3 11v5M13.7 11v5" />);
export const FolderIcon = icon(
  <path d="M3.5 7a2 2 0 0 1 2-2h3.7l2.3 2.6h7a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z" />,
);
export const TagIcon = icon(
  <>
    <path d="M4 5.5V12l8 8 7.5-7.5-8-8H5.2z" />
    <circle cx="8.3" cy="8.6" r="1.1" fill="currentColor" stroke="none" />
  </>,
);
export const FilterIcon = icon(<path d="M4 6.5h16M7 12h10M10.3 17.5h3.4" />);
export const ListIcon = icon(<path d="M9 6.5h11M9 12h11M9 17.5h11M4.5 6.5h.1M4.5 12h.1M4.5 17.5h.1" />);
export const TasksIcon = icon(
  <>
    <rect x="4" y="4" width="16" height="16" rx="4" />
    <path d="m8.3 12.2 2.6 2.6 4.8-5.3" />
  </>,
);
export const EventsIcon = icon(<path d="M13 3.5 5.5 13.5h6L10.8 20.5l7.7-10.3h-6z" />);
export const ScissorsIcon = icon(
  <>
    <circle cx="6" cy="7" r="2.5" />
    <circle cx="6" cy="17" r="2.5" />
    <path d="M8.2 8.4 20 16.5M8.2 15.6 20 7.5" />
  </>,
);
export const ImageIcon = icon(
  <>
    <rect x="3.5" y="5" width="17" height="14" rx="3" />
    <circle cx="8.8" cy="10" r="1.5" />
    <path d="m4.5 17 5-4.3 3.3 2.8 3-2.5 4 3.7" />
  </>,
);
export const EditIcon = icon(<path d="M4.5 19.5h3.6L19 8.6 15.4 5 4.5 15.9zM13.3 7.2l3.5 3.5" />);
export const CloseIcon = icon(<path d="m6 6 12 12M18 6 6 18" />);
export const RedoIcon = icon(<path d="M19 12a7 7 0 1 1-2.2-5.1M19 3.5V8h-4.5" />);
export const VolumeIcon = icon(
  <path d="M4 9.8v4.4h3.2L12 18V6L7.2 9.8zM15.3 9.3a3.8 3.8 0 0 1 0 5.4M17.7 6.8a7.3 7.3 0 0 1 0 10.4" />,
);
export const VolumeOffIcon = icon(<path d="M4 9.8v4.4h3.2L12 18V6L7.2 9.8zM16 10l4 4M20 10l-4 4" />);
export const FullScreenIcon = icon(<path d="M4.5 9V4.5H9M15 4.5h4.5V9M19.5 15v4.5H15M9 19.5H4.5V15" />);
export const BanIcon = icon(
  <>
    <circle cx="12" cy="12" r="8" />
    <path d="m6.4 6.4 11.2 11.2" />
  </>,
);
