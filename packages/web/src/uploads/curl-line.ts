/** A line that uploads a file from a terminal. */
export function curlLine(endpoint: string): string {
  const headers = [
    "-H 'Tus-Resumable: 1.0.0'",
    '-H "Upload-Length: $(wc -c < photo.jpg)"',
    "-H 'Content-Type: application/offset+octet-stream'",
  ]
  return `curl -i ${headers.join(' ')} --data-binary @photo.jpg ${endpoint}`
}
