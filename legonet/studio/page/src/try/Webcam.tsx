import { useEffect, useRef, useState } from "preact/hooks";
import { refuse } from "../store";

/** Takes a picture, where the browser allows it. */
export function Webcam({ take }: { take: (file: Blob) => void }) {
  const [stream, begin] = useState<MediaStream | null>(null);
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (!stream || !video.current) return;
    video.current.srcObject = stream;
    return () => stream.getTracks().forEach((track) => track.stop());
  }, [stream]);
  if (!navigator.mediaDevices?.getUserMedia) return null;
  const open = async () => {
    try {
      begin(await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }));
    } catch {
      refuse(new Error("No picture from a camera: the browser or its owner does not allow it, or there is none."));
    }
  };
  const shoot = () => {
    const from = video.current!;
    const canvas = document.createElement("canvas");
    canvas.width = from.videoWidth;
    canvas.height = from.videoHeight;
    canvas.getContext("2d")!.drawImage(from, 0, 0);
    canvas.toBlob((found) => found && take(found), "image/png");
  };
  if (!stream) return <button onClick={() => void open()}>Use the camera</button>;
  return (
    <div class="webcam">
      <video ref={video} autoplay playsInline muted aria-label="Camera" />
      <div class="actions">
        <button class="primary" onClick={shoot}>Take the picture</button>
        <button onClick={() => begin(null)}>Close the camera</button>
      </div>
    </div>
  );
}
