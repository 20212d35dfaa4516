export default function ServerView() {
  return <main />
}
