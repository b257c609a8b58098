import { AircheckError } from '@aircheck/protocol';
import { type Av, openEncoder, succeed } from './av.ts';
import type { Canvas } from './canvas.ts';
import type { Frame } from './media-input.ts';

/** FFmpeg's scale for JPEG, 2 (best) to 31. */
const JPEG_QUALITY = 3;

/** @param canvas - of full range */
export function encodeJpeg(av: Av, canvas: Canvas): Buffer {
  const quality = JPEG_QUALITY * av.FF_QP2LAMBDA;
  const context = openEncoder(av, av.FF_ENCODER_MJPEG, (options) => {
    describe(av, options, canvas.frame);
    options.colorRange = av.AVCOL_RANGE_JPEG;
    options.setFlags(av.AV_CODEC_FLAG_QSCALE);
    options.globalQuality = quality;
  });
  canvas.frame.quality = quality;
  return encodeOne(av, context, canvas.frame);
}

/** @param canvas - of any range */
export function encodePng(av: Av, canvas: Canvas): Buffer {
  const scaler = new av.SoftwareScaleContext();
  const picture = new av.Frame();
  try {
    scaler.allocContext();
    picture.alloc();
    picture.format = av.AV_PIX_FMT_RGB24;
    picture.width = canvas.width;
    picture.height = canvas.height;
    succeed(av, picture.getBuffer(0), 'allocate a picture');
    succeed(av, scaler.scaleFrameSync(picture, canvas.frame), 'convert a picture');
    const context = openEncoder(av, av.FF_ENCODER_PNG, (options) => describe(av, options, picture));
    return encodeOne(av, context, picture);
  } finally {
    picture.free();
    scaler.freeContext();
  }
}

type Context = ReturnType<typeof openEncoder>;

function describe(av: Av, context: Context, { width, height, format }: Frame): void {
  context.width = width;
  context.height = height;
  context.pixelFormat = format as Context['pixelFormat'];
  context.timeBase = new av.Rational(1, 1);
  context.threadCount = 1;
}

function encodeOne(av: Av, context: Context, picture: Frame): Buffer {
  const packet = new av.Packet();
  packet.alloc();
  try {
    picture.pts = 0n;
    succeed(av, context.sendFrameSync(picture), 'encode a picture');
    succeed(av, context.sendFrameSync(null), 'encode a picture');
    succeed(av, context.receivePacketSync(packet), 'encode a picture');
    if (packet.data === null) throw new AircheckError('internal', 'an encoder gave no picture');
    return Buffer.from(packet.data);
  } finally {
    packet.free();
    context.freeContext();
  }
}
