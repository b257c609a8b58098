import { AVRecordType, AVSDKType, RecordDataType } from './constants.ts';
import { type Setting, setting } from './setting.ts';

/**
 * What to record, and how. Every setting can be called, as in the Android SDK, and assigned, as in the iOS SDK:
 *
 * ```ts
 * option.fileName('lesson 7').classId(3).transCode(true);
 * option.fileName = 'lesson 7';
 * ```
 *
 * Nothing is checked here: `startRecordVideo` tells what is missing or wrong by the vendor's numbers.
 */
export class ILiveRecordOption {
  /** Tags of the files; `addTag` adds one. */
  tags: string[] = [];
  #fileName = '';
  #classId = 0;
  #transCode = false;
  #screenShot = false;
  #waterMark = false;
  #sdkType: AVSDKType = AVSDKType.AVSDK_TYPE_NORMAL;
  #recordType: AVRecordType = AVRecordType.AV_RECORD_TYPE_VIDEO;
  #recordDataType: RecordDataType = RecordDataType.CAMERA;

  /** Name of the files, required: any text of 1,000 letters at most, spaces and all; it needs no encoding. */
  get fileName(): Setting<string, this> {
    return setting(this, this.#fileName, (value) => {
      this.#fileName = value;
    });
  }
  set fileName(value: string) {
    this.#fileName = value;
  }

  /** Class of the files in the library; 0, the default one, where there is no class of that number. */
  get classId(): Setting<number, this> {
    return setting(this, this.#classId, (value) => {
      this.#classId = value;
    });
  }
  set classId(value: number) {
    this.#classId = value;
  }

  /** Transcode each file when it is whole: by the application's procedure `ConvertVodFile`, or into SD and HD. */
  get transCode(): Setting<boolean, this> {
    return setting(this, this.#transCode, (value) => {
      this.#transCode = value;
    });
  }
  set transCode(value: boolean) {
    this.#transCode = value;
  }

  /** Take ten pictures of each file when it is whole, and make the best one its cover. */
  get screenShot(): Setting<boolean, this> {
    return setting(this, this.#screenShot, (value) => {
      this.#screenShot = value;
    });
  }
  set screenShot(value: boolean) {
    this.#screenShot = value;
  }

  /** Put the application's first watermark into what is transcoded, or into a rendition of the picture's size. */
  get waterMark(): Setting<boolean, this> {
    return setting(this, this.#waterMark, (value) => {
      this.#waterMark = value;
    });
  }
  set waterMark(value: boolean) {
    this.#waterMark = value;
  }

  /** Kept for the vendor's sake: all kinds are recorded alike. */
  get sdkType(): Setting<AVSDKType, this> {
    return setting(this, this.#sdkType, (value) => {
      this.#sdkType = value;
    });
  }
  set sdkType(value: AVSDKType) {
    this.#sdkType = value;
  }

  /** Picture and sound, or the sound alone. */
  get recordType(): Setting<AVRecordType, this> {
    return setting(this, this.#recordType, (value) => {
      this.#recordType = value;
    });
  }
  set recordType(value: AVRecordType) {
    this.#recordType = value;
  }

  /** The camera or the shared screen, as in the PC SDK. */
  get recordDataType(): Setting<RecordDataType, this> {
    return setting(this, this.#recordDataType, (value) => {
      this.#recordDataType = value;
    });
  }
  set recordDataType(value: RecordDataType) {
    this.#recordDataType = value;
  }

  /** Adds a tag, as in the Android SDK. */
  addTag(tag: string): this {
    this.tags = [...this.tags, tag];
    return this;
  }

  /** iOS: {@link transCode}. */
  get isTransCode(): boolean {
    return this.#transCode;
  }
  set isTransCode(value: boolean) {
    this.#transCode = value;
  }

  /** iOS: {@link screenShot}. */
  get isScreenShot(): boolean {
    return this.#screenShot;
  }
  set isScreenShot(value: boolean) {
    this.#screenShot = value;
  }

  /** iOS: {@link waterMark}. */
  get isWaterMark(): boolean {
    return this.#waterMark;
  }
  set isWaterMark(value: boolean) {
    this.#waterMark = value;
  }

  /** iOS: {@link sdkType}, by the name that the vendor's sample uses. */
  get avSdkType(): AVSDKType {
    return this.#sdkType;
  }
  set avSdkType(value: AVSDKType) {
    this.#sdkType = value;
  }
}
