import { type ReactElement, useState } from 'react';
import { Button, SafeAreaView, ScrollView, StyleSheet, Text, TextInput, View } from 'react-native';
import { texts } from './texts.ts';
import { TrackView } from './track-view.tsx';
import { useRoom } from './use-room.ts';

/** One screen: join with a server's address and a token, see the others, record oneself. */
export function App(): ReactElement {
  const room = useRoom();
  const [url, setUrl] = useState('https://rec.example.org');
  const [token, setToken] = useState('');
  const recording = room.recordingId !== undefined;

  return (
    <SafeAreaView style={styles.screen}>
      {room.error !== undefined && <Text style={styles.error}>{room.error}</Text>}
      {room.state === 'out' || room.state === 'joining' ? (
        <View style={styles.form}>
          <TextInput style={styles.input} value={url} onChangeText={setUrl} autoCapitalize="none" inputMode="url" />
          <TextInput
            style={styles.input}
            value={token}
            onChangeText={setToken}
            autoCapitalize="none"
            placeholder={texts.token}
          />
          <Button
            title={room.state === 'joining' ? texts.joining : texts.join}
            disabled={room.state === 'joining' || token === ''}
            onPress={() => void room.join(url, token)}
          />
        </View>
      ) : (
        <>
          <ScrollView contentContainerStyle={styles.pictures}>
            {room.camera !== undefined && <TrackView track={room.camera.mediaStreamTrack} mirror />}
            {room.remoteTracks
              .filter(({ kind }) => kind === 'video')
              .map((track) => (
                <TrackView key={track.trackId} track={track.mediaStreamTrack} name={track.userId} />
              ))}
          </ScrollView>
          {room.state === 'reconnecting' && <Text style={styles.note}>{texts.reconnecting}</Text>}
          {room.fileIds.length > 0 && (
            <Text style={styles.note}>
              {texts.files} {room.fileIds.join(', ')}
            </Text>
          )}
          <View style={styles.buttons}>
            <Button
              title={recording ? texts.stop : texts.record}
              {...(recording && { color: '#c0392b' })}
              onPress={() => void (recording ? room.stopRecording() : room.startRecording('From a phone'))}
            />
            <Button title={texts.leave} onPress={() => void room.leave()} />
          </View>
        </>
      )}
    </SafeAreaView>
  );
}

const styles = StyleSheet.create({
  screen: { flex: 1, backgroundColor: '#10151c' },
  form: { flex: 1, justifyContent: 'center', gap: 12, padding: 24 },
  input: { backgroundColor: '#fff', borderRadius: 6, padding: 12 },
  pictures: { padding: 8, gap: 8 },
  buttons: { flexDirection: 'row', justifyContent: 'space-evenly', padding: 12 },
  note: { color: '#cfd8e3', padding: 8, textAlign: 'center' },
  error: { color: '#fff', backgroundColor: '#c0392b', padding: 12 },
});
