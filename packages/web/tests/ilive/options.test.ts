import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  AVRecordType,
  AVRoomMulti,
  AVSDKType,
  ILiveConstants,
  ILiveRecordOption,
  ILiveRoomOption,
  TIMAvManager,
} from '../../src/ilive/index.ts';

describe('ILiveRecordOption', () => {
  it('is set by methods, as on Android', () => {
    const option = new ILiveRecordOption();
    option.fileName('lesson').addTag('maths').addTag('7b');
    option.classId(3).transCode(true).screenShot(true).waterMark(true);
    option.sdkType(TIMAvManager.SDKType.Normal).recordType(TIMAvManager.RecordType.AUDIO);
    expect(String(option.fileName)).toBe('lesson');
    expect(option.classId.valueOf()).toBe(3);
    expect(option.recordType.valueOf()).toBe(AVRecordType.AV_RECORD_TYPE_AUDIO);
    expect(option).toMatchObject({ tags: ['maths', '7b'], isTransCode: true, isScreenShot: true, isWaterMark: true });
  });

  it('is set by properties, as on iOS', () => {
    const option = new ILiveRecordOption();
    option.fileName = 'lesson';
    option.tags = ['maths'];
    option.classId = 3;
    option.isTransCode = true;
    option.avSdkType = AVSDKType.AVSDK_TYPE_IOTCamera;
    option.recordType = AVRecordType.AV_RECORD_TYPE_AUDIO;
    expect(option.fileName.valueOf()).toBe('lesson');
    expect(option.transCode.valueOf()).toBe(true);
    expect(option.sdkType.valueOf()).toBe(AVSDKType.AVSDK_TYPE_IOTCamera);
    expect(JSON.stringify({ name: option.fileName, type: option.recordType })).toBe('{"name":"lesson","type":1}');
    expectTypeOf(option.fileName).toBeCallableWith('lesson');
  });

  it('records picture and sound of the camera into the default class, unless told otherwise', () => {
    const option = new ILiveRecordOption();
    expect([option.recordType.valueOf(), option.recordDataType.valueOf(), option.classId.valueOf()]).toEqual([0, 0, 0]);
    expect(option).toMatchObject({ tags: [], isTransCode: false, isScreenShot: false, isWaterMark: false });
  });
});

describe('ILiveRoomOption', () => {
  it('has the vendor’s defaults', () => {
    const option = new ILiveRoomOption();
    expect(option.avOption).toMatchObject({ autoCamera: true, autoMic: true, autoSpeaker: true, cameraId: 0 });
    expect(option.authBits.valueOf()).toBe(AVRoomMulti.AUTH_BITS_DEFAULT);
    expect(option.imOption.imSupport).toBe(true);
  });

  it('takes both shapes', () => {
    const android = new ILiveRoomOption('host')
      .controlRole('LiveMaster')
      .autoCamera(false)
      .cameraId(ILiveConstants.BACK_CAMERA);
    const ios = ILiveRoomOption.defaultHostLiveOption();
    ios.avOption.autoCamera = false;
    ios.cameraId = ILiveConstants.BACK_CAMERA;
    ios.imOption.imSupport = false;
    expect(android.avOption).toMatchObject({ autoCamera: false, autoMic: true, cameraId: 1 });
    expect(String(ios.controlRole)).toBe(String(android.controlRole));
    expect(ios.avOption.autoCamera).toBe(false);
    expect(ios.imsupport.valueOf()).toBe(false);
  });

  it('lets viewers send nothing', () => {
    const bits = ILiveRoomOption.defaultGuestLiveOption().authBits.valueOf();
    expect(bits & AVRoomMulti.AUTH_BITS_SEND_CAMERA_VIDEO).toBe(0);
    expect(bits & AVRoomMulti.AUTH_BITS_CREATE_ROOM).toBe(0);
  });
});
