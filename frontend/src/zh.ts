/** The page in Simplified Chinese, by its English texts. A test finds what no source says any more. */
export const zh = {
  // how sure, how bad, what part it plays
  "almost certain": "几乎可以确定",
  "very likely": "很可能",
  likely: "较可能",
  possible: "有可能",
  unlikely: "不太可能",
  Error: "错误",
  Warning: "警告",
  Note: "提示",
  "Root cause": "根本原因",
  Consequence: "连带后果",
  "Also contributing": "其他诱因",
  // verdicts
  Learning: "正常学习",
  Converged: "已收敛",
  Overfitting: "过拟合",
  "Suspect data": "数据可疑",
  Stuck: "停滞不降",
  Diverging: "发散",
  "Non-finite": "出现 NaN/Inf",
  Unstable: "不稳定",
  "Too short": "数据点太少",
  // times
  "{count} {count|day|days} ago": "{count} 天前",
  "{count} {count|hour|hours} ago": "{count} 小时前",
  "{count} {count|minute|minutes} ago": "{count} 分钟前",
  "just now": "刚刚",
  // small parts
  Copy: "复制",
  Copied: "已复制",
  "Select and press Ctrl+C": "请选中后按 Ctrl+C",
  "Try again": "重试",
  "{message} What you see was read earlier.": "{message}当前显示的是先前读取的内容。",
  Language: "语言",
  // the server
  "TensorBoard does not answer. Is it still running?": "TensorBoard 没有响应，它还在运行吗？",
  "The server answered {status}.": "服务器返回了 {status}。",
  "This run is not part of this report.": "本报告不包含这次运行。",
  "This comparison is not part of this report.": "本报告不包含这一对比。",
  "The page of this cause is not part of this report.": "本报告不包含这一原因的说明页。",
} as const;
