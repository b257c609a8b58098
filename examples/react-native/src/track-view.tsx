import { type ReactElement, useMemo } from 'react';
import { StyleSheet, Text, View } from 'react-native';
import { MediaStream, type MediaStreamTrack as NativeTrack, RTCView } from 'react-native-webrtc';

/** A picture of the room. Sound needs no view: the system plays what is received. */
export function TrackView({
  track,
  name,
  mirror = false,
}: {
  readonly track: MediaStreamTrack;
  readonly name?: string;
  readonly mirror?: boolean;
}): ReactElement {
  // The SDK speaks of tracks as browsers do; here they are those of react-native-webrtc.
  const url = useMemo(() => new MediaStream([track as unknown as NativeTrack]).toURL(), [track]);
  return (
    <View style={styles.tile}>
      <RTCView style={styles.picture} streamURL={url} objectFit="cover" mirror={mirror} />
      {name !== undefined && <Text style={styles.name}>{name}</Text>}
    </View>
  );
}

const styles = StyleSheet.create({
  tile: { aspectRatio: 16 / 9, borderRadius: 8, overflow: 'hidden', backgroundColor: '#000' },
  picture: { flex: 1 },
  name: { position: 'absolute', left: 8, bottom: 8, color: '#fff' },
});
